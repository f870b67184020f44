using System.Net;
using System.Text;

namespace Berth.Network.Files;

/// <summary>A resolv.conf(5), read as glibc reads it, written as dockerd writes it.</summary>
public sealed record ResolvConf
{
    /// <summary>The host's.</summary>
    public const string HostPath = "/etc/resolv.conf";

    /// <summary>What systemd-resolved itself asks, when the host's own file leads to its stub (systemd-resolved.service(8)).</summary>
    public const string SystemdPath = "/run/systemd/resolve/resolv.conf";

    /// <summary>How many servers a resolver asks (resolv.conf(5), MAXNS).</summary>
    public const int MaxServers = 3;

    private const int MaxBytes = 64 * 1024;

    /// <summary>Addresses, as written, with a scope where there is one; all of them.</summary>
    public IReadOnlyList<string> Nameservers { get; init; } = [];

    /// <summary>Domains of the last "search" or "domain" line.</summary>
    public IReadOnlyList<string> Search { get; init; } = [];

    /// <summary>Words of all "options" lines.</summary>
    public IReadOnlyList<string> Options { get; init; } = [];

    /// <summary>Reads a file of at most 64 KiB; one that does not exist is an empty one, as for glibc.</summary>
    /// <exception cref="IOException">It cannot be read, or is longer.</exception>
    public static string ReadText(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] buffer = new byte[MaxBytes + 1];
            int length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            return length <= MaxBytes ? Encoding.UTF8.GetString(buffer, 0, length) : throw new IOException($"{path} has more than {MaxBytes} bytes: no resolv.conf has");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return "";
        }
    }

    /// <summary>Reads the text of a resolv.conf. Lines that mean nothing are passed over, as glibc does.</summary>
    public static ResolvConf Parse(string text)
    {
        var servers = new List<string>();
        var options = new List<string>();
        string[] search = [];
        foreach (string line in text.Split('\n'))
        {
            // A comment begins in the first column only (resolv.conf(5)).
            if (line.Length == 0 || line[0] is '#' or ';')
            {
                continue;
            }

            string[] words = line.Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2 || char.IsWhiteSpace(line[0]))
            {
                continue;
            }

            switch (words[0])
            {
                case "nameserver" when IPAddress.TryParse(words[1], out _):
                    servers.Add(words[1]);
                    break;
                case "search":
                    search = words[1..];
                    break;
                case "domain":
                    search = [words[1]];
                    break;
                case "options":
                    options.AddRange(words[1..]);
                    break;
            }
        }

        return new ResolvConf { Nameservers = servers, Search = search, Options = options };
    }

    /// <summary>Whether an address is the host's own, which in a container is another: 127.0.0.0/8 or ::1.</summary>
    public static bool IsLoopback(string nameserver) => IPAddress.TryParse(nameserver, out IPAddress? address) && IPAddress.IsLoopback(address);

    /// <summary>The text: search, servers, options, a line each, as dockerd writes them. A search of "." alone is none.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Search.Count > 0 && !(Search.Count == 1 && Search[0] == "."))
        {
            text.Append("search ").AppendJoin(' ', Search).Append('\n');
        }

        foreach (string server in Nameservers)
        {
            text.Append("nameserver ").Append(server).Append('\n');
        }

        if (Options.Count > 0)
        {
            text.Append("options ").AppendJoin(' ', Options).Append('\n');
        }

        return text.ToString();
    }
}
