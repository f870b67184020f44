using System.Diagnostics;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Tests.Cgroups;

/// <summary>A cgroup of this host's kind, or of the unified hierarchy alone, with processes in it; all of it goes with the test.</summary>
internal sealed class TestCgroup : IDisposable
{
    private readonly List<Process> processes = [];

    public TestCgroup(ResourcesSpec? resources = null, bool unified = false)
    {
        CgroupLayout layout = CgroupLayout.Current;
        if (unified)
            layout = new CgroupLayout([.. layout.Hierarchies.Where(static h => h.IsUnified)]);
        string path = "/berth-test/" + Path.GetRandomFileName();
        Location = CgroupLocator.At(layout, _ => path);
        Cgroup = new ContainerCgroup(layout, Location);
        if (unified && !CgroupLayout.Current.IsV2)
            new Berth.Runtime.Cgroups.V2.CgroupDriver(() => layout, Location).Create(resources, default);
        else
            Cgroup = ContainerCgroup.Create(path, resources);
    }

    /// <summary>Whether the host has the unified hierarchy, alone or beside others.</summary>
    public static bool HasUnified => CgroupLayout.Current.Hierarchies.Any(static h => h.IsUnified);

    public CgroupLocation Location { get; }

    public ContainerCgroup Cgroup { get; }

    /// <summary>The text of a controller's file, without the newline.</summary>
    public string Read(string controller, string file) => File.ReadAllText($"{Folder(controller)}/{file}").Trim();

    public string Folder(string controller) => Location.Folders.TryGetValue(controller, out string? folder) ? folder : Location.Folders[""];

    /// <summary>Starts a shell in the cgroup; returns when it has joined.</summary>
    public Process Start(string script)
    {
        IReadOnlyList<string> files = Cgroup.JoinFiles(SubCgroup.None, 0);
        var start = new ProcessStartInfo("sh", ["-c", $"for f in {string.Join(' ', files)}; do echo $$ > $f || exit 99; done; echo joined; {script}"]) { RedirectStandardOutput = true, UseShellExecute = false };
        Process process = Process.Start(start)!; // a new process, not one that is shown a document
        processes.Add(process);
        Assert.Equal("joined", process.StandardOutput.ReadLine());
        return process;
    }

    public void Dispose()
    {
        Cgroup.Remove();
        Assert.DoesNotContain(Location.Folders.Values, Directory.Exists);
        foreach (Process process in processes)
        {
            Assert.True(process.WaitForExit(5000));
            process.Dispose();
        }
    }
}
