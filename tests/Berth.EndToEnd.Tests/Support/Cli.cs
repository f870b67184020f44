using System.Diagnostics;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>What a command printed and how it ended.</summary>
public sealed record CommandResult(string Command, int ExitCode, byte[] OutputBytes, string Error)
{
    public string Output => Encoding.UTF8.GetString(OutputBytes);

    /// <summary>The output without the line end.</summary>
    public string Line => Output.TrimEnd('\n');

    /// <summary>This result when the command ended with 0 (or <paramref name="exitCode"/>), else a failure that shows everything.</summary>
    public CommandResult Expect(int exitCode = 0)
    {
        Assert.True(ExitCode == exitCode, $"$ {Command}\nended with {ExitCode}, wanted {exitCode}\n--- stdout\n{Output}\n--- stderr\n{Error}");
        return this;
    }
}

/// <summary>Runs one of the command line clients against one daemon.</summary>
public sealed class Cli(string program, string host, string configFolder)
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    public string Program => program;

    public Task<CommandResult> RunAsync(params string[] args) => RunAsync(args, stdin: null);

    /// <summary>Runs a command to its end with all of <paramref name="stdin"/> as its input.</summary>
    public async Task<CommandResult> RunAsync(string[] args, byte[]? stdin, TimeSpan? timeout = null)
    {
        await using CliSession session = Start(args);
        if (stdin is not null)
        {
            await session.WriteAsync(stdin);
        }

        session.CloseInput();
        return await session.WaitAsync(timeout ?? DefaultTimeout);
    }

    /// <summary>Starts a command whose streams stay open.</summary>
    public CliSession Start(params string[] args) => new(Describe(program, args));

    /// <summary>What to start, with the environment that points at the daemon; for starts of other kinds.</summary>
    internal ProcessStartInfo Describe(string file, IEnumerable<string> args)
    {
        var info = new ProcessStartInfo(file, args)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["DOCKER_HOST"] = host;
        info.Environment["BERTH_HOST"] = host;
        info.Environment["DOCKER_CONFIG"] = configFolder;
        info.Environment["DOCKER_CLI_HINTS"] = "false";
        info.Environment["LC_ALL"] = "C.UTF-8";
        info.Environment["TERM"] = "xterm";
        return info;
    }
}

/// <summary>A command that runs, with its streams.</summary>
public sealed class CliSession : IAsyncDisposable
{
    private readonly Process process;
    private readonly string command;
    private readonly MemoryStream output = new();
    private readonly MemoryStream error = new();
    private readonly Task copies;

    internal CliSession(ProcessStartInfo info)
    {
        command = Path.GetFileName(info.FileName) + " " + string.Join(' ', info.ArgumentList);
        process = Process.Start(info) ?? throw new InvalidOperationException($"{info.FileName} did not start");
        copies = Task.WhenAll(CopyAsync(process.StandardOutput.BaseStream, output), CopyAsync(process.StandardError.BaseStream, error));
    }

    public int Pid => process.Id;
    public bool HasEnded => process.HasExited;

    /// <summary>What was printed so far.</summary>
    public string Output => Text(output);
    public string Error => Text(error);

    public async Task WriteAsync(byte[] bytes)
    {
        try
        {
            await process.StandardInput.BaseStream.WriteAsync(bytes);
            await process.StandardInput.BaseStream.FlushAsync();
        }
        catch (IOException)
        {
            // The command ended without reading its input: its result tells more than this error.
        }
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.UTF8.GetBytes(text));

    public void CloseInput()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // As above.
        }
    }

    /// <summary>Waits until the output holds a text.</summary>
    public Task ExpectAsync(string text, int seconds = 10) =>
        Poll.UntilAsync(() => Output.Contains(text, StringComparison.Ordinal), $"\"{text}\" from {command}", seconds);

    public void Kill() => process.Kill();

    /// <summary>Waits for the command's end; kills it and fails after the timeout.</summary>
    public async Task<CommandResult> WaitAsync(TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            await copies.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"$ {command}\ndid not end within {timeout.TotalSeconds} s\n--- stdout\n{Output}\n--- stderr\n{Error}");
        }

        lock (output)
        {
            return new CommandResult(command, process.ExitCode, output.ToArray(), Error);
        }
    }

    public Task<CommandResult> WaitAsync(int seconds = 30) => WaitAsync(TimeSpan.FromSeconds(seconds));

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    private static string Text(MemoryStream bytes)
    {
        lock (bytes)
        {
            return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
        }
    }

    private static async Task CopyAsync(Stream from, MemoryStream to)
    {
        byte[] buffer = new byte[64 << 10];
        for (int read; (read = await from.ReadAsync(buffer)) > 0;)
        {
            lock (to)
            {
                to.Write(buffer, 0, read);
            }
        }
    }
}
