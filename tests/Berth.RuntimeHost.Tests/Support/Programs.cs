using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Berth.RuntimeHost.Tests.Support;

/// <summary>What a program did.</summary>
internal sealed record Outcome(int Code, string Output, string Errors)
{
    public override string ToString() => $"exit status {Code}\nstdout: {Output}\nstderr: {Errors}";
}

/// <summary>Where the programs are, and how they are run: the runtime is the native one of the folder BERTH_BIN, else out/bin of the checkout.</summary>
internal static class Programs
{
    public static string Runtime { get; } = Find();

    /// <summary>Debian's runc, or null where it is not installed.</summary>
    public static string? Runc { get; } = InPath("runc");

    public static string Busybox { get; } =
        InPath("busybox") ?? throw new InvalidOperationException("there is no busybox in PATH: install the package busybox-static (eng/prepare does)");

    public static string? InPath(string name) =>
        (Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin").Split(':').Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    public static Outcome Run(string program, IEnumerable<string> arguments, string? workingFolder = null, string? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var info = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = workingFolder ?? "/",
            StandardOutputEncoding = Encoding.UTF8, StandardErrorEncoding = Encoding.UTF8,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            info.Environment[name] = value;
        using Process process = Process.Start(info) ?? throw new InvalidOperationException($"{program} did not start");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(30_000))
        {
            process.Kill();
            throw new TimeoutException($"{program} {string.Join(' ', info.ArgumentList)} did not end within 30 s");
        }

        // A detached container may keep the pipes open: what was written until now is enough then.
        Task.WaitAll([output, errors], 1000);
        return new Outcome(process.ExitCode, output.IsCompleted ? output.Result : "", errors.IsCompleted ? errors.Result : "");
    }

    private static string Find([CallerFilePath] string here = "")
    {
        string? folder = Environment.GetEnvironmentVariable("BERTH_BIN");
        if (string.IsNullOrEmpty(folder))
        {
            string? root = Path.GetDirectoryName(here);
            while (root is not null && !File.Exists(Path.Combine(root, "Berth.slnx")))
                root = Path.GetDirectoryName(root);
            folder = Path.Combine(root ?? "/", "out", "bin");
        }

        string path = Path.Combine(folder, "berth-runtime");
        return File.Exists(path) ? path : throw new InvalidOperationException($"{path} does not exist: run eng/build, or name the folder of the executables in BERTH_BIN");
    }
}
