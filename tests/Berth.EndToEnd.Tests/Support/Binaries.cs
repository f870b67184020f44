using System.Runtime.CompilerServices;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Where the programs under test are: the folder BERTH_BIN, else out/bin of the checkout (eng/build fills it).</summary>
internal static class Binaries
{
    public static string Folder { get; } = Environment.GetEnvironmentVariable("BERTH_BIN") is { Length: > 0 } folder ? folder : Path.Combine(FindRoot(), "out", "bin");

    public static string Berth => Find("berth");
    public static string Berthd => Find("berthd");
    public static string BerthRuntime => Find("berth-runtime");

    /// <summary>A berthd that kills itself at marked steps: the file BERTH_FAIL_BIN, else what eng/build --fail-points makes.</summary>
    public static string FailPointBerthd =>
        Environment.GetEnvironmentVariable("BERTH_FAIL_BIN") is { Length: > 0 } path ? path : Path.Combine(FindRoot(), "out", "fail-points", "berthd");

    /// <summary>The stock docker CLI, or null where there is none.</summary>
    public static string? Docker { get; } = FindInPath("docker");

    /// <summary>A busybox that needs no libraries.</summary>
    public static string Busybox { get; } =
        FindInPath("busybox") ?? throw new InvalidOperationException("there is no busybox in PATH: install the package busybox-static (eng/prepare does)");

    public static string? FindInPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static string Find(string name)
    {
        string path = Path.Combine(Folder, name);
        return File.Exists(path) ? path : throw new InvalidOperationException($"{path} does not exist: run eng/build, or name the folder of the executables in BERTH_BIN");
    }

    private static string FindRoot([CallerFilePath] string here = "")
    {
        string? folder = Path.GetDirectoryName(here);
        while (folder is not null && !File.Exists(Path.Combine(folder, "Berth.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException($"no Berth.slnx above {here}; name the folder of the executables in BERTH_BIN");
    }
}
