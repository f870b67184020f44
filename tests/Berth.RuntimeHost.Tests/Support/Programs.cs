using System.Diagnostics;
using System.Runtime.CompilerServices;

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

    /// <summary>
    /// Runs a program to its end. Its output goes to files: what it has written is there when it has ended, also where a detached container that
    /// has the same streams lives on, and however busy the machine is.
    /// </summary>
    public static Outcome Run(string program, IEnumerable<string> arguments, string? workingFolder = null, string? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        string output = Path.GetTempFileName(), errors = Path.GetTempFileName();
        try
        {
            int code = Run(new ProcessStartInfo("/bin/sh", ["-c", "out=$1 err=$2; shift 2; exec \"$@\" >>\"$out\" 2>>\"$err\"", "sh", output, errors, program, .. arguments])
            {
                UseShellExecute = false, RedirectStandardInput = true, WorkingDirectory = workingFolder ?? "/",
            }, input, environment ?? new Dictionary<string, string>());
            return new Outcome(code, File.ReadAllText(output), File.ReadAllText(errors));
        }
        finally
        {
            File.Delete(output);
            File.Delete(errors);
        }
    }

    private static int Run(ProcessStartInfo info, string? input, IReadOnlyDictionary<string, string> environment)
    {
        foreach ((string name, string value) in environment)
            info.Environment[name] = value;
        using Process process = Process.Start(info) ?? throw new InvalidOperationException($"{info.FileName} did not start");
        if (input is not null)
            process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (process.WaitForExit(60_000))
            return process.ExitCode;
        process.Kill();
        throw new TimeoutException($"{string.Join(' ', info.ArgumentList.Skip(5))} did not end within 60 s");
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
