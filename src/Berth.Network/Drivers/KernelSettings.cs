using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>Files below /proc/sys, of the calling thread's network namespace.</summary>
internal static class KernelSettings
{
    private const ulong O_WRONLY = 1;

    /// <summary>Whether the kernel has IPv6.</summary>
    public static bool HasIPv6 { get; } = Directory.Exists("/proc/sys/net/ipv6");

    /// <summary>Sets one.</summary>
    /// <param name="name">Its path below /proc/sys.</param>
    /// <param name="value">Its value.</param>
    /// <exception cref="LinuxException">ENOENT: there is no such; EINVAL: not with this value.</exception>
    public static void Write(string name, string value)
    {
        using FileDescriptor file = ProcFiles.Open("/proc/sys/" + name, O_WRONLY);
        try
        {
            FileData.Write(file, Encoding.UTF8.GetBytes(value));
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, "write", $"/proc/sys/{name} = {value}");
        }
    }

    /// <summary>Sets one that has another value.</summary>
    /// <exception cref="LinuxException">As <see cref="Write"/>.</exception>
    public static void Ensure(string name, string value)
    {
        if (Read(name) != value)
        {
            Write(name, value);
        }
    }

    /// <summary>The value of one.</summary>
    public static string Read(string name) => File.ReadAllText("/proc/sys/" + name).TrimEnd();

    /// <summary>The path of a setting that a user names: <c>net.ipv4.conf.IFNAME.log_martians</c>.</summary>
    /// <param name="name">The name; its dots separate folders.</param>
    /// <param name="link">What stands for IFNAME.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/>: none of the network's.</exception>
    public static string PathOf(string name, string link)
    {
        string[] parts = name.Split('.', '/');
        bool isPlain = parts is ["net", _, ..] && parts.All(static part => part.Length > 0 && part.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'));
        return isPlain
            ? string.Join('/', parts.Select(part => part == "IFNAME" ? link : part))
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid sysctl \"{name}\": wanted a name of the network's such as net.ipv4.conf.IFNAME.log_martians");
    }
}
