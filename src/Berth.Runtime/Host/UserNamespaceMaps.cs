using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Init;

namespace Berth.Runtime.Host;

/// <summary>
/// Writes what a process in a new user namespace waits for: uid_map, gid_map and setgroups (user_namespaces(7)). A caller without privileges maps its own id
/// alone, or asks newuidmap(1) and newgidmap(1) for the ranges of /etc/subuid and /etc/subgid; they are the host's programs, by its PATH.
/// </summary>
internal static class UserNamespaceMaps
{
    private const int MaxRanges = 340;

    /// <summary>Checks what needs no kernel.</summary>
    /// <exception cref="ArgumentException">Mappings and namespaces do not go together.</exception>
    public static void Validate(LinuxSpec? linux, NamespacePlan namespaces)
    {
        bool maps = linux?.UidMappings is { Count: > 0 } || linux?.GidMappings is { Count: > 0 };
        if (namespaces.MakesUser && (linux?.UidMappings is not { Count: > 0 } || linux.GidMappings is not { Count: > 0 }))
            throw new ArgumentException("a new user namespace needs linux.uidMappings and linux.gidMappings");
        if (maps && !namespaces.HasUser)
            throw new ArgumentException("linux.uidMappings and linux.gidMappings need a user namespace");
        foreach ((string name, IReadOnlyList<IdMappingSpec>? list) in ((string, IReadOnlyList<IdMappingSpec>?)[])[("uidMappings", linux?.UidMappings), ("gidMappings", linux?.GidMappings)])
        {
            if (list?.Count > MaxRanges)
                throw new ArgumentException($"linux.{name} has {list.Count} ranges; the kernel takes {MaxRanges}");
            if (list?.FirstOrDefault(static m => m.Size == 0) is { } empty)
                throw new ArgumentException($"linux.{name}: the range from {empty.ContainerId} is empty");
        }
    }

    /// <summary>Whether setgroups(2) is to be forbidden, without which an unprivileged caller may map no group.</summary>
    public static bool ForbidsSetGroups(LinuxSpec? linux, bool privileged) => !privileged && linux?.GidMappings is [{ Size: 1 }];

    /// <summary>Writes the maps of a process that waits in its new user namespace.</summary>
    /// <exception cref="LinuxException">The kernel refuses.</exception>
    /// <exception cref="ContainerStartException">newuidmap or newgidmap refuses, or is missing.</exception>
    public static void Write(int pid, LinuxSpec linux, bool privileged)
    {
        Write(pid, "uid_map", "newuidmap", linux.UidMappings ?? []);
        if (ForbidsSetGroups(linux, privileged))
            WriteFile($"/proc/{pid}/setgroups", "deny");
        Write(pid, "gid_map", "newgidmap", linux.GidMappings ?? []);
    }

    /// <summary>Compares the maps of a process in a joined user namespace with those that the configuration has, if it has some.</summary>
    /// <exception cref="ArgumentException">They are others.</exception>
    public static void Verify(int pid, LinuxSpec? linux)
    {
        Verify(pid, "uid_map", "uidMappings", linux?.UidMappings);
        Verify(pid, "gid_map", "gidMappings", linux?.GidMappings);
    }

    private static void Write(int pid, string file, string helper, IReadOnlyList<IdMappingSpec> ranges)
    {
        string text = string.Concat(ranges.Select(static r => string.Create(CultureInfo.InvariantCulture, $"{r.ContainerId} {r.HostId} {r.Size}\n")));
        try
        {
            WriteFile($"/proc/{pid}/{file}", text);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            RunHelper(pid, helper, ranges, e);
        }
    }

    private static void RunHelper(int pid, string helper, IReadOnlyList<IdMappingSpec> ranges, LinuxException refused)
    {
        string path = (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':')
            .Where(static folder => folder.StartsWith('/')).Select(folder => Path.Combine(folder, helper)).FirstOrDefault(File.Exists)
            ?? throw new ContainerStartException(StartFailure.Host, $"{refused.Message}; and {helper}, which could write it, is not in PATH", refused);
        IEnumerable<string> numbers = ranges.SelectMany(static r => (uint[])[r.ContainerId, r.HostId, r.Size]).Prepend((uint)pid)
            .Select(static n => n.ToString(CultureInfo.InvariantCulture));
        (ProcessEnd? end, string output) = new HelperProgram { Path = path, Arguments = [helper, .. numbers], Environment = [] }.Run();
        if (end is not { Signaled: false, Code: 0 })
            throw new ContainerStartException(StartFailure.Host, $"{path} {string.Join(' ', numbers)}: exit status {end?.ShellCode}: {output.TrimEnd()}", refused);
    }

    private static void Verify(int pid, string file, string field, IReadOnlyList<IdMappingSpec>? ranges)
    {
        if (ranges is not { Count: > 0 })
            return;
        IEnumerable<string> actual = CgroupFile.Read($"/proc/{pid}/{file}").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).Order();
        IEnumerable<string> wanted = ranges.Select(static r => string.Create(CultureInfo.InvariantCulture, $"{r.ContainerId} {r.HostId} {r.Size}")).Order();
        if (!actual.SequenceEqual(wanted))
            throw new ArgumentException($"linux.{field} is {string.Join(", ", wanted)}, but the user namespace to join has {string.Join(", ", actual)}");
    }

    /// <summary>One write(2), as these files of the host's /proc want it.</summary>
    /// <exception cref="LinuxException">The kernel refuses.</exception>
    /// <exception cref="InvalidDataException">It is no proc that lies there, so the process would go on without what was asked for.</exception>
    internal static void WriteFile(string path, string text)
    {
        using FileDescriptor file = ProcFiles.Open(path, OpenFlags.O_WRONLY);
        Errno errno = DescriptorIo.TryWrite(file.Number, Encoding.ASCII.GetBytes(text), out _);
        if (errno != Errno.None)
            throw new LinuxException(errno, "write", $"{path} \"{text.TrimEnd('\n').Replace("\n", ", ", StringComparison.Ordinal)}\"");
    }
}
