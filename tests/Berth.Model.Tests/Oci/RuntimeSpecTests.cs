using System.Text.Json;
using Berth.Model.Oci.Runtime;

namespace Berth.Model.Tests.Oci;

public sealed class RuntimeSpecTests
{
    [Fact]
    public void ASpecSurvivesWritingAndReading()
    {
        var spec = new RuntimeSpec
        {
            Hostname = "h",
            Root = new RootSpec { Path = "rootfs", Readonly = true },
            Process = new ProcessSpec { Args = ["sh", "-c", "true"], User = new UserSpec { Uid = 7, AdditionalGids = [1, 2] }, NoNewPrivileges = true },
            Linux = new LinuxSpec
            {
                Namespaces = [new NamespaceSpec("pid"), new NamespaceSpec("network", "/proc/1/ns/net")],
                Seccomp = new SeccompSpec { DefaultAction = "SCMP_ACT_ERRNO", Syscalls = [new SeccompRule { Names = ["read"], Action = "SCMP_ACT_ALLOW" }] },
            },
        };
        string text = JsonSerializer.Serialize(spec, RuntimeSpecJsonContext.Default.RuntimeSpec);
        RuntimeSpec read = JsonSerializer.Deserialize(text, RuntimeSpecJsonContext.Default.RuntimeSpec)!; // the text is no null
        Assert.Equal(text, JsonSerializer.Serialize(read, RuntimeSpecJsonContext.Default.RuntimeSpec));
        Assert.Equal(7u, read.Process?.User.Uid);
        Assert.Equal("/proc/1/ns/net", read.Linux?.Namespaces?[1].Path);
    }

    [Fact]
    public void NamesAreTheSpecifications()
    {
        string text = JsonSerializer.Serialize(
            new RuntimeSpec { Linux = new LinuxSpec { CgroupsPath = "/a", MaskedPaths = ["/proc/kcore"], Resources = new ResourcesSpec { Pids = new PidsSpec(9) } } },
            RuntimeSpecJsonContext.Default.RuntimeSpec);
        Assert.Equal("""{"ociVersion":"1.2.0","linux":{"cgroupsPath":"/a","resources":{"pids":{"limit":9}},"maskedPaths":["/proc/kcore"]}}""", text);
    }

    [Fact]
    public void WhatIsAbsentStaysAbsent()
    {
        RuntimeSpec spec = JsonSerializer.Deserialize("""{"ociVersion":"1.0.2"}""", RuntimeSpecJsonContext.Default.RuntimeSpec)!; // the text is no null
        Assert.Null(spec.Process);
        Assert.Null(spec.Linux);
    }
}
