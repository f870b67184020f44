using System.Runtime.InteropServices;

namespace Berth.Model;

/// <summary>An image's platform in the vocabulary of the OCI image index (os, architecture, variant).</summary>
public sealed record Platform(string Os, string Architecture, string? Variant = null)
{
    /// <summary>The platform this process runs on.</summary>
    public static Platform Host { get; } = new("linux", RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        var other => other.ToString().ToLowerInvariant(),
    });

    /// <summary>Reads <c>os[/architecture[/variant]]</c> or an architecture alone, with the names that other tools have for architectures.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static Platform Parse(string text)
    {
        string[] parts = text.ToLowerInvariant().Split('/');
        if (parts.Length > 3 || parts.Any(static part => part.Length == 0 || !part.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-')))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"\"{PrintableText.Of(text)}\" is no platform: wanted os/architecture, such as linux/amd64");
        }

        bool isArchitectureAlone = parts.Length == 1 && parts[0] is not ("linux" or "windows" or "darwin" or "freebsd");
        string os = isArchitectureAlone ? Host.Os : parts[0];
        (string architecture, string? variant) = (isArchitectureAlone ? parts[0] : parts.Length > 1 ? parts[1] : Host.Architecture) switch
        {
            "x86_64" or "x86-64" => ("amd64", null),
            "aarch64" => ("arm64", null),
            "armhf" => ("arm", "v7"),
            "armel" => ("arm", "v6"),
            "i386" or "i486" or "i586" or "i686" => ("386", null),
            var known => (known, (string?)null),
        };
        return new Platform(os, architecture, parts.Length == 3 ? parts[2] : variant);
    }

    /// <inheritdoc/>
    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
