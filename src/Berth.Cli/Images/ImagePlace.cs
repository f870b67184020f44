using Berth.Cli.Registries;
using Berth.Model;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>Opens what a user calls a place.</summary>
internal static class ImagePlace
{
    private const string Layout = "oci:";
    private const string Archive = "archive:";
    private const string Host = "host:";
    private const string Ssh = "ssh://";

    /// <exception cref="CommandFailedException">The name is none, or nothing can be read there.</exception>
    public static async Task<IImageSource> OpenSourceAsync(CliContext context, string text, bool insecure)
    {
        if (text.StartsWith(Archive, StringComparison.Ordinal))
            return new ArchiveSource(FileOf(text));

        if (IsEngine(text))
            return await EngineSource.OpenAsync(context, EngineAddress.Parse(context, text));

        return text.StartsWith(Layout, StringComparison.Ordinal) ? OpenLayout(text) : OpenRegistry(context, text, insecure, isTarget: false);
    }

    /// <exception cref="CommandFailedException">The name is none, or nothing can be written there.</exception>
    public static IImageTarget OpenTarget(CliContext context, string text, bool insecure, string source)
    {
        if (text.StartsWith(Archive, StringComparison.Ordinal))
            return new ArchiveTarget(FileOf(text), RepositoryOf(source));

        if (IsEngine(text))
            return new EngineTarget(context, EngineAddress.Parse(context, text));

        return text.StartsWith(Layout, StringComparison.Ordinal) ? OpenLayout(text) : OpenRegistry(context, text, insecure, isTarget: true);
    }

    private static bool IsEngine(string text) => text.StartsWith(Host, StringComparison.Ordinal) || text.StartsWith(Ssh, StringComparison.Ordinal);

    private static string FileOf(string text) => text.Length > Archive.Length ? text[Archive.Length..] : throw new CommandFailedException("\"archive:\" names no file", exitCode: 1);

    private static LayoutPlace OpenLayout(string text)
    {
        string rest = text[Layout.Length..];
        int colon = rest.LastIndexOf(':');
        (string folder, string? tag) = colon >= 0 && rest.IndexOf('/', colon) < 0 ? (rest[..colon], rest[(colon + 1)..]) : (rest, null);
        return folder.Length > 0 && tag != "" ? new LayoutPlace(folder, tag) : throw new CommandFailedException($"\"{text}\" names no folder: wanted oci:FOLDER[:TAG]", exitCode: 1);
    }

    private static RegistryPlace OpenRegistry(CliContext context, string text, bool insecure, bool isTarget)
    {
        if (!ImageReference.TryParse(text, out ImageReference image, out string? problem))
            throw new CommandFailedException($"{text}: {problem}", exitCode: 1);

        RegistryOptions options = RegistryAccess.OptionsOf(context, insecure ? [image.Domain] : []);
        var client = new RegistryClient(isTarget ? options with { Rules = [] } : options); // what a mirror has, the registry may lack
        return new RegistryPlace(client.Open(image, RegistryAccess.ToCredential(RegistryCredentials.Of(context, image))), client);
    }

    private static string? RepositoryOf(string source)
    {
        if (source.StartsWith(Layout, StringComparison.Ordinal) || source.StartsWith(Archive, StringComparison.Ordinal))
            return null;

        string name = source.StartsWith(Host, StringComparison.Ordinal) ? source[Host.Length..] : source.StartsWith(Ssh, StringComparison.Ordinal) ? source[(source.IndexOf('/', Ssh.Length) + 1)..] : source;
        return ImageReference.TryParse(name, out ImageReference image, out _) ? image.Repository : null;
    }
}
