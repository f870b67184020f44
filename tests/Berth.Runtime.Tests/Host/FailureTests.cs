using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

/// <summary>Counts what the whole test process holds, so nothing may run beside it.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;

[Collection(nameof(AloneCollection))]
public sealed class FailureTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose() => bundle.Dispose();

    [Fact]
    public void FailuresLeaveNothing()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("/nosuch"));
        Assert.Throws<ContainerStartException>(() => bundle.Run(spec)); // the first one initialises statics
        int descriptorsBefore = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 20; i++)
            Assert.Throws<ContainerStartException>(() => bundle.Run(spec));
        RuntimeSpec noSource = spec with { Mounts = [.. spec.Mounts!, TestBundle.Mount("/x", "bind", "/no/such/source", "rbind")] };
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(noSource));
        Assert.Contains("/no/such/source", e.Message);
        Assert.DoesNotContain(bundle.Id, File.ReadAllText("/proc/self/mountinfo"));
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, descriptorsBefore + 1); // the listing itself
        Assert.Empty(bundle.CgroupFolders());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(bundle.Folder, "rootfs")));
    }
}
