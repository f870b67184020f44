using System.Net.Sockets;
using Berth.Client;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Linux.Sockets;

namespace Berth.Cli.Remote;

/// <summary>An engine of another machine, reached by <c>ssh HOST berth system dial-stdio</c>: whoever may log in there and use the engine may use it from here.</summary>
internal static class RemoteEngine
{
    private const string Scheme = "ssh://";

    /// <summary>Reads <c>ssh://[USER@]HOST[:PORT][/SOCKET]</c>; null for another scheme.</summary>
    /// <exception cref="CommandFailedException">The address is none.</exception>
    public static EngineEndpoint? Parse(string text)
    {
        if (!text.StartsWith(Scheme, StringComparison.Ordinal))
            return null;

        string[] arguments = Arguments(text);
        return EngineEndpoint.Via(text, () => Connect(arguments));
    }

    // What follows two dashes is no option of ssh's, whatever it looks like.
    private static string[] Arguments(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0)
            throw new CommandFailedException($"unable to parse daemon host \"{text}\": wanted ssh://[USER@]HOST[:PORT][/SOCKET]", exitCode: 1);

        if (uri.UserInfo.Contains(':', StringComparison.Ordinal))
            throw new CommandFailedException("unable to parse daemon host: a password in ssh:// is not supported; use a key", exitCode: 1);

        var arguments = new List<string> { "-o", "ConnectTimeout=30", "-T" };
        if (uri.UserInfo.Length > 0)
            arguments.AddRange(["-l", Uri.UnescapeDataString(uri.UserInfo)]);

        if (uri.Port > 0)
            arguments.AddRange(["-p", uri.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)]);

        arguments.AddRange(["--", uri.IdnHost, "berth"]);
        if (uri.AbsolutePath.Trim('/').Length > 0)
            arguments.AddRange(["-H", "unix://" + Quote(Uri.UnescapeDataString(uri.AbsolutePath))]);

        return [.. arguments, "system", "dial-stdio"];
    }

    // The other side's shell reads the command.
    private static string Quote(string path) => "'" + path.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static Socket Connect(string[] arguments)
    {
        (FileDescriptor own, FileDescriptor other) = UnixSocket.CreatePair();
        using (other)
        {
            try
            {
                ChildProgram.Start("ssh", arguments, other, other); // ends with its input, and with this program
            }
            catch (LinuxException exception)
            {
                own.Dispose();
                throw new IOException(exception.Errno == Errno.ENOENT ? "ssh is not installed: exec: \"ssh\": executable file not found in $PATH" : exception.Message, exception);
            }
        }

        return new Socket(new SafeSocketHandle(own.Release(), ownsHandle: true));
    }
}
