using Berth.Cli.Flags;
using Berth.Cli.Manifests;
using Berth.Model;

namespace Berth.Cli.Commands.Manifests;

/// <summary><c>berth manifest annotate</c>: what a local list says of one of its images.</summary>
internal sealed class ManifestAnnotateCommand
{
    // What the stock CLI accepts.
    private static readonly HashSet<string> Platforms = new(StringComparer.Ordinal)
    {
        "darwin/386", "darwin/amd64", "darwin/arm", "darwin/arm64", "dragonfly/amd64", "freebsd/386", "freebsd/amd64", "freebsd/arm", "linux/386", "linux/amd64", "linux/arm", "linux/arm64",
        "linux/ppc64le", "linux/mips64", "linux/mips64le", "linux/riscv64", "linux/s390x", "netbsd/386", "netbsd/amd64", "netbsd/arm", "openbsd/386", "openbsd/amd64", "openbsd/arm",
        "plan9/386", "plan9/amd64", "solaris/amd64", "windows/386", "windows/amd64", "windows/arm64",
    };

    private readonly List<string> features = [];
    private string architecture = "";
    private string os = "";
    private string version = "";
    private string variant = "";

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var annotate = new ManifestAnnotateCommand();
        flags.Text("arch", null, "Set architecture", value => annotate.architecture = value);
        flags.Text("os", null, "Set operating system", value => annotate.os = value);
        flags.Texts("os-features", "Set operating system feature", annotate.features);
        flags.Text("os-version", null, "Set operating system version", value => annotate.version = value);
        flags.Text("variant", null, "Set architecture variant", value => annotate.variant = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] MANIFEST_LIST MANIFEST",
            Summary = "Add additional information to a local image manifest",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(2),
            RunAsync = (context, names) => Task.FromResult(annotate.Run(context, ManifestCommands.Parse(names[0]), ManifestCommands.Parse(names[1]))),
        };
    }

    private int Run(CliContext context, ImageReference list, ImageReference image)
    {
        var store = new ManifestStore(context);
        ManifestEntry entry = store.Find(list, image) ?? throw new CommandFailedException($"manifest for image {image.Familiar} does not exist in {list.Familiar}", exitCode: 1);
        ManifestPlatform platform = entry.Platform;
        platform = platform with
        {
            Architecture = Choose(architecture, platform.Architecture),
            Os = Choose(os, platform.Os),
            OsVersion = Choose(version, platform.OsVersion),
            OsFeatures = [.. platform.OsFeatures.Concat(features).Distinct(StringComparer.Ordinal)],
            Variant = Choose(variant, platform.Variant),
        };
        if (!Platforms.Contains($"{platform.Os}/{platform.Architecture}"))
            throw new CommandFailedException($"manifest entry for image has unsupported os/arch combination: {os}/{architecture}", exitCode: 1);

        store.Write(list, image, entry with { Platform = platform });
        return 0;
    }

    private static string Choose(string given, string present) => given.Length > 0 ? given : present;
}
