using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Berth.Api;

namespace Berth.Client;

/// <content>What docker's API does not have: the storage as a whole.</content>
public sealed partial class EngineClient
{
    /// <summary><c>GET /berth/storage/usage</c>.</summary>
    public Task<StorageUsageAnswer> MeasureStorageAsync(CancellationToken cancellationToken = default) =>
        transport.ReadAsync(HttpMethod.Get, "/berth/storage/usage", RequestBody.None, StorageJson.Context.StorageUsageAnswer, cancellationToken);

    /// <summary><c>POST /berth/storage/check</c>, each line as it comes.</summary>
    public Task CheckStorageAsync(bool repair, bool quick, Action<StorageCheckLine> line, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/berth/storage/check");
        path.Add("repair", repair);
        path.Add("quick", quick);
        return ReadLinesAsync(HttpMethod.Post, path.ToString(), StorageJson.Context.StorageCheckLine, line, cancellationToken);
    }

    private async Task ReadLinesAsync<T>(HttpMethod method, string path, JsonTypeInfo<T> type, Action<T> use, CancellationToken cancellationToken)
    {
        using ResponseStream response = await transport.OpenAsync(method, path, RequestBody.None, cancellationToken);
        response.ReadLines(text =>
        {
            try
            {
                if (JsonSerializer.Deserialize(text, type) is { } line)
                    use(line);
            }
            catch (JsonException exception)
            {
                throw new EngineConnectionException("a line of the daemon's answer is not JSON", exception);
            }
        });
    }
}
