using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

/// <summary>A container made by Create, with its FIFO and its output.</summary>
internal sealed class Creation : IDisposable
{
    private readonly FileDescriptor read;
    private readonly FileDescriptor fifo;
    private readonly TestBundle bundle;

    private Creation(TestBundle bundle, CreatedContainer container, FileDescriptor read, FileDescriptor fifo)
    {
        this.bundle = bundle;
        Container = container;
        this.read = read;
        this.fifo = fifo;
    }

    public CreatedContainer Container { get; }

    public static Creation Make(TestBundle bundle, RuntimeSpec spec, Func<CreateOptions, CreateOptions>? options = null)
    {
        string path = Path.Combine(bundle.Folder, "start.fifo");
        if (!File.Exists(path))
        {
            using FileDescriptor folder = Paths.OpenFolder(bundle.Folder);
            Paths.MakeNode(folder, "start.fifo"u8, FileTypes.S_IFIFO | 0x180, 0, 0);
        }

        FileDescriptor opened = Paths.Open(path, OpenFlags.O_RDWR);
        using FileDescriptor stdin = PlainFile.OpenNull();
        (FileDescriptor output, FileDescriptor write) = Pipe.Create();
        using (write)
        {
            var create = new CreateOptions { StartFifo = opened, OnReady = static _ => { } };
            bool terminal = spec.Process!.Terminal;
            CreatedContainer container = ContainerLauncher.Create(
                bundle.Start(spec), terminal ? ProcessStdio.Terminal : new ProcessStdio(stdin.Number, write.Number, write.Number),
                options is null ? create : options(create));
            return new Creation(bundle, container, output, opened);
        }
    }

    public void Start() => Assert.Equal(Errno.None, DescriptorIo.TryWrite(fifo.Number, [1], out _));

    /// <summary>Starts it and waits for its end.</summary>
    public (int Code, string Output) Finish()
    {
        Start();
        string output = TestBundle.ReadAll(Container.TerminalMaster ?? read);
        return (TestBundle.Wait(Container.PidFd), output);
    }

    public string Status(string field) =>
        File.ReadLines($"/proc/{Container.Pid}/status").First(l => l.StartsWith(field + ":", StringComparison.Ordinal))[(field.Length + 1)..].Trim();

    public void Dispose()
    {
        Berth.Linux.Signals.ChildProcess.Signal(Container.PidFd, 9);
        try
        {
            TestBundle.Wait(Container.PidFd);
        }
        catch (LinuxException)
        {
            // Reaped by Finish.
        }

        ContainerCgroup.KillAndRemove(bundle.CgroupsPath);
        Container.Dispose();
        read.Dispose();
        fifo.Dispose();
    }
}
