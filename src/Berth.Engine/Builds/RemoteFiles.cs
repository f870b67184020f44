using System.Net;
using Berth.Build.Frontend;
using Berth.Model;

namespace Berth.Engine.Builds;

/// <summary>Files that ADD names by their address. Proxies are those of the daemon's environment.</summary>
internal sealed class RemoteFiles : IRemoteFiles, IDisposable
{
    private readonly HttpClient client = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = TimeSpan.FromSeconds(30), MaxAutomaticRedirections = 10 })
    {
        Timeout = Timeout.InfiniteTimeSpan, // a large file may take its time; the build's end ends it
    };

    /// <inheritdoc/>
    public async Task<RemoteFile> OpenAsync(Uri address, CancellationToken cancellationToken)
    {
        HttpResponseMessage? response = null;
        try
        {
            response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                throw new EngineException(
                    response.StatusCode == HttpStatusCode.NotFound ? ErrorKind.NotFound : ErrorKind.Unavailable,
                    $"ADD failed: failed to GET {address} with status {(int)response.StatusCode} {PrintableText.Of(response.ReasonPhrase ?? "")}");
            }

            return new RemoteFile(await response.Content.ReadAsStreamAsync(cancellationToken), response.Content.Headers.LastModified?.ToUnixTimeSeconds() ?? 0);
        }
        catch (HttpRequestException e)
        {
            throw new EngineException(ErrorKind.Unavailable, $"ADD failed: Get \"{address}\": {(e.InnerException ?? e).Message}", e);
        }
        catch
        {
            response?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();
}
