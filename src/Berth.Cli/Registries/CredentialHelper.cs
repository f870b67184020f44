using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Cli.Registries;

/// <summary>A program that keeps secrets, <c>docker-credential-NAME</c> in PATH: a verb is its argument, what it is about comes on its standard input, the answer on its output.</summary>
internal sealed class CredentialHelper
{
    private const string Prefix = "docker-credential-";
    private const string TokenUser = "<token>";
    private const string NotFound = "credentials not found in native keychain";
    private const int LongestAnswer = 1 << 20;
    private readonly string program;

    public CredentialHelper(string name) => program = Prefix + name;

    /// <summary>Whether there is such a program.</summary>
    public static bool IsInstalled(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, Prefix + name)));

    /// <summary>What it keeps for a registry; null for nothing.</summary>
    /// <exception cref="CommandFailedException">The program is missing or fails.</exception>
    public RegistryAuth? Get(string key)
    {
        (bool succeeded, string answer, string problem) = Run("get", Encoding.UTF8.GetBytes(key));
        if (!succeeded && answer == NotFound)
            return null;

        if (!succeeded)
            throw Failed("getting", problem, answer);

        using JsonDocument document = Parse(answer);
        (string user, string secret) = (document.RootElement.Text("Username"), document.RootElement.Text("Secret"));
        return user == TokenUser
            ? new RegistryAuth { ServerAddress = key, IdentityToken = secret }
            : new RegistryAuth { ServerAddress = key, Username = user, Password = secret };
    }

    /// <summary>Keeps credentials.</summary>
    /// <exception cref="CommandFailedException">The program is missing or fails.</exception>
    public void Store(RegistryAuth auth)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteString("ServerURL", auth.ServerAddress);
            writer.WriteString("Username", string.IsNullOrEmpty(auth.IdentityToken) ? auth.Username : TokenUser);
            writer.WriteString("Secret", string.IsNullOrEmpty(auth.IdentityToken) ? auth.Password : auth.IdentityToken);
            writer.WriteEndObject();
        }

        (bool succeeded, string answer, string problem) = Run("store", buffer.ToArray());
        if (!succeeded)
            throw Failed("storing", problem, answer);
    }

    /// <summary>Forgets credentials.</summary>
    /// <exception cref="CommandFailedException">The program is missing or fails; also, with most, when it keeps none.</exception>
    public void Erase(string key)
    {
        (bool succeeded, string answer, string problem) = Run("erase", Encoding.UTF8.GetBytes(key));
        if (!succeeded)
            throw Failed("erasing", problem, answer);
    }

    /// <summary>The keys of all that it keeps.</summary>
    /// <exception cref="CommandFailedException">The program is missing or fails.</exception>
    public IReadOnlyList<string> List()
    {
        (bool succeeded, string answer, string problem) = Run("list", "unused"u8.ToArray()); // what the stock client sends
        if (!succeeded)
            throw Failed("listing", problem, answer);

        using JsonDocument document = Parse(answer);
        return [.. document.RootElement.EnumerateObject().Select(static entry => entry.Name)];
    }

    private JsonDocument Parse(string answer)
    {
        try
        {
            JsonDocument document = JsonDocument.Parse(answer);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw new JsonException();
        }
        catch (JsonException)
        {
            throw new CommandFailedException($"{program} answered with something else than a JSON object", exitCode: 1); // which may hold a secret, so it is not told
        }
    }

    private static CommandFailedException Failed(string what, string problem, string answer) =>
        new($"error {what} credentials - err: {problem}, out: `{answer}`", exitCode: 1);

    private (bool Succeeded, string Answer, string Problem) Run(string verb, byte[] input)
    {
        try
        {
            (FileDescriptor childInput, FileDescriptor toChild) = Pipe.Create();
            (FileDescriptor fromChild, FileDescriptor childOutput) = Pipe.Create();
            int pid;
            using (toChild)
            using (fromChild)
            {
                using (childInput)
                using (childOutput)
                    pid = ChildProgram.Start(program, [verb], childInput, childOutput);

                Send(toChild, input);
                string? answer = Receive(fromChild);
                fromChild.Dispose(); // a program that writes on fails, instead of waiting for a reader for ever
                ProcessEnd end = ChildProcess.Reap(pid);
                if (answer is null)
                    return (false, "", $"answer too long: more than {LongestAnswer} bytes");

                return (end is { Code: 0, Signaled: false }, answer, end.Signaled ? $"signal {end.Code}" : $"exit status {end.Code}");
            }
        }
        catch (LinuxException exception)
        {
            return (false, "", exception.Errno == Errno.ENOENT ? $"exec: \"{program}\": executable file not found in $PATH" : exception.Message);
        }
    }

    private static void Send(FileDescriptor pipe, byte[] input)
    {
        try
        {
            FileData.Write(pipe, input);
        }
        catch (LinuxException exception) when (exception.Errno == Errno.EPIPE)
        {
            // It needs no input, or has ended: its status says which.
        }
        finally
        {
            pipe.Dispose();
        }
    }

    // Null when it is too long.
    private static string? Receive(FileDescriptor pipe)
    {
        using var answer = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (true)
        {
            Errno error = DescriptorIo.TryRead(pipe.Number, buffer, out int count);
            if (error != Errno.None)
                throw new LinuxException(error, "read", "a program's output");

            if (count == 0)
                return Encoding.UTF8.GetString(answer.ToArray()).Trim();

            answer.Write(buffer, 0, count);
            if (answer.Length > LongestAnswer)
                return null;
        }
    }
}
