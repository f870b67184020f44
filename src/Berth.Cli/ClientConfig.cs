using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli;

/// <summary>
/// What <c>config.json</c> in the folder of <c>--config</c> (or BERTH_CONFIG) sets; without a folder nothing is read. Members are docker's, of which these count:
/// <c>detachKeys</c>, <c>psFormat</c>, <c>imagesFormat</c>, <c>networksFormat</c>, <c>statsFormat</c>, and the credentials that <see cref="RegistryCredentials"/> reads. The
/// others belong to what this program does not do.
/// </summary>
internal sealed record ClientConfig(string? DetachKeys, string PsFormat, string ImagesFormat, string NetworksFormat, string StatsFormat)
{
    private const string FileName = "config.json";

    /// <summary>Where it was read from; null without a folder. It may not be there.</summary>
    public string? File { get; private init; }

    /// <summary>Nothing set.</summary>
    public static ClientConfig Empty { get; } = new(null, "", "", "", "");

    /// <summary>Reads the folder's file; a folder without one sets nothing.</summary>
    /// <exception cref="UsageException">The file cannot be read or is no JSON object.</exception>
    public static ClientConfig Read(string? folder)
    {
        if (folder is null)
            return Empty;

        string path = Path.Combine(folder, FileName);
        try
        {
            using JsonDocument document = JsonDocument.Parse(System.IO.File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                throw new UsageException($"{path}: wanted a JSON object", exitCode: 1);

            string keys = root.Text("detachKeys");
            return new ClientConfig(keys.Length == 0 ? null : keys, root.Text("psFormat"), root.Text("imagesFormat"), root.Text("networksFormat"), root.Text("statsFormat")) { File = path };
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return Empty;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"open {path}: {KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
        catch (JsonException exception)
        {
            throw new UsageException($"{path}: {exception.Message}", exitCode: 1);
        }
    }
}
