using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>A bundle that attacks, and a folder of the host that must stay as it is.</summary>
public abstract class AttackTest : RuntimeTest
{
    private static readonly string[] AllCapabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_NET_ADMIN",
        "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_CHECKPOINT_RESTORE",
    ];

    protected AttackTest()
    {
        foreach (string applet in (ReadOnlySpan<string>)["mount", "umount", "mkdir", "mv", "rm", "ln", "head", "wc", "sed", "unshare", "mkfifo", "touch", "cut", "tr", "sort"])
            File.CreateSymbolicLink(Path.Combine(Rootfs, "bin", applet), "busybox");
        Victim = Directory.CreateDirectory(Path.Combine(Folder, "victim")).FullName;
        File.WriteAllText(Path.Combine(Victim, "file"), "untouched");
    }

    /// <summary>A folder with one file.</summary>
    protected string Victim { get; }

    /// <summary>A way to the victim that works from any depth, if links are followed on the host.</summary>
    protected string Climbing => string.Concat(Enumerable.Repeat("../", 20)) + Victim[1..];

    protected override void Dispose(bool disposing)
    {
        if (Directory.Exists(Victim))
            ExpectVictimUntouched();
        base.Dispose(disposing);
    }

    /// <summary>The folder has its one file with its content, and no mount of the host is at or below it.</summary>
    protected void ExpectVictimUntouched()
    {
        Assert.Equal([Victim + "/file"], Directory.GetFileSystemEntries(Victim));
        Assert.Equal("untouched", File.ReadAllText(Victim + "/file"));
        Assert.DoesNotContain(Victim, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    /// <summary>Gives the process these capabilities, in all sets but the inheritable one.</summary>
    protected void SetCapabilities(params IEnumerable<string> names) => Change(spec =>
        spec["process"]!["capabilities"] = new JsonObject(((string[])["bounding", "effective", "permitted"]).Select(set =>
            KeyValuePair.Create<string, JsonNode?>(set, new JsonArray([.. names.Select(static n => (JsonNode)n)])))));

    /// <summary>Makes the container what engines call privileged.</summary>
    protected void MakePrivileged()
    {
        SetCapabilities(AllCapabilities);
        Change(static spec =>
        {
            spec["process"]!["noNewPrivileges"] = false;
            spec["linux"]!.AsObject().Remove("maskedPaths");
            spec["linux"]!.AsObject().Remove("readonlyPaths");
            spec["linux"]!["resources"] = new JsonObject { ["devices"] = new JsonArray(new JsonObject { ["allow"] = true, ["access"] = "rwm" }) };
        });
    }

    protected void AddMount(string destination, string type, string source, params string[] options) => Change(spec =>
        spec["mounts"]!.AsArray().Add((JsonNode)new JsonObject
        {
            ["destination"] = destination, ["type"] = type, ["source"] = source, ["options"] = new JsonArray([.. options.Select(static o => (JsonNode)o)]),
        }));

    /// <summary>Takes out the mounts at and below a path.</summary>
    protected void RemoveMounts(string destination) => Change(spec =>
    {
        JsonArray mounts = spec["mounts"]!.AsArray();
        foreach (JsonNode mount in mounts.Where(m => (m!["destination"]!.GetValue<string>() + "/").StartsWith(destination + "/", StringComparison.Ordinal)).Select(static m => m!).ToList())
            mounts.Remove(mount);
    });

    protected void JoinPidNamespaceOf(int pid) => Change(spec =>
    {
        JsonNode entry = spec["linux"]!["namespaces"]!.AsArray().Single(static n => n!["type"]!.GetValue<string>() == "pid")!;
        entry["path"] = $"/proc/{pid}/ns/pid";
    });

    /// <summary>Runs a shell script as the container's program.</summary>
    internal Outcome RunScript(string script)
    {
        SetProgram("sh", "-c", script);
        return Runtime("run", NewId());
    }
}
