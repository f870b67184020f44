using Berth.Cli.Registries;

namespace Berth.Cli;

/// <summary>
/// What <c>config.json</c> sets. Members are docker's, of which these count: <c>detachKeys</c>, <c>psFormat</c>, <c>imagesFormat</c>, <c>networksFormat</c>, <c>statsFormat</c>, and those
/// about credentials that <see cref="RegistryCredentials"/> reads. The others belong to what this program does not do.
/// </summary>
internal sealed record ClientConfig(string? DetachKeys, string PsFormat, string ImagesFormat, string NetworksFormat, string StatsFormat)
{
    public const string FileName = "config.json";

    /// <summary>Nothing set.</summary>
    public static ClientConfig Empty { get; } = new(null, "", "", "", "");

    /// <summary>The folder: what the command line says, else BERTH_CONFIG, else DOCKER_CONFIG, else <c>~/.docker</c>, so that both command lines know the same registries.</summary>
    public static string FolderOf(string? given) =>
        NotEmpty(given) ?? NotEmpty(Environment.GetEnvironmentVariable("BERTH_CONFIG")) ?? NotEmpty(Environment.GetEnvironmentVariable("DOCKER_CONFIG"))
        ?? Path.Combine(NotEmpty(Environment.GetEnvironmentVariable("HOME")) ?? "/", ".docker");

    /// <summary>Reads a file; one that is not there sets nothing.</summary>
    /// <exception cref="CommandFailedException">The file cannot be read or is no JSON object.</exception>
    public static ClientConfig Read(string path)
    {
        ConfigFile file = ConfigFile.Read(path);
        return new ClientConfig(NotEmpty(file.Text("detachKeys")), file.Text("psFormat"), file.Text("imagesFormat"), file.Text("networksFormat"), file.Text("statsFormat"));
    }

    private static string? NotEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
