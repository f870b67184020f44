using System.Runtime.InteropServices;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;

namespace Berth.Runtime.Tests.Seccomp;

public sealed class DockerProfileTests
{
    [Fact]
    public void ConditionsDecideWhichRulesStay()
    {
        ReadOnlySpan<byte> json = """
            {
              "DefaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13, "flags": ["SECCOMP_FILTER_FLAG_LOG"], "somethingElse": 1,
              "archMap": [
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": null}
              ],
              "syscalls": [
                {"name": "a", "action": "SCMP_ACT_ALLOW", "args": [], "comment": "x"},
                {"names": ["b"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_X", "CAP_Y"]}},
                {"names": ["c"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_X", "CAP_Z"]}},
                {"names": ["d"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_Z", "CAP_X"]}},
                {"names": ["e"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
                {"names": ["f"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
                {"names": ["g"], "action": "SCMP_ACT_ALLOW", "excludes": {"arches": ["amd64"]}},
                {"names": ["h"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.9"}},
                {"names": ["i"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "6.10"}},
                {"names": ["j"], "action": "SCMP_ACT_TRACE", "errnoRet": 4, "excludes": {"minKernel": "6.10"}}
              ]
            }
            """u8;
        SeccompSpec spec = DockerProfile.Resolve(json, new HashSet<string> { "CAP_X", "CAP_Y" }, Architecture.X64, new Version(6, 9));
        Assert.Equal(["a", "b", "e", "h", "j"], spec.Syscalls!.Select(rule => rule.Names.Single()));
        Assert.Equal(["SCMP_ARCH_X86_64"], spec.Architectures!);
        Assert.Equal("SCMP_ACT_ERRNO", spec.DefaultAction);
        Assert.Equal(13u, spec.DefaultErrnoRet);
        Assert.Equal(["SECCOMP_FILTER_FLAG_LOG"], spec.Flags!);
        Assert.Equal(4u, spec.Syscalls![^1].ErrnoRet);
        Assert.Null(spec.Syscalls![0].Args);
    }

    [Fact]
    public void ArchitecturesMayBeGivenDirectly()
    {
        SeccompSpec spec = Resolve("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"syscalls":null}""");
        Assert.Equal(["SCMP_ARCH_X86"], spec.Architectures!);
        Assert.Empty(spec.Syscalls!);
    }

    [Theory]
    [InlineData("", "Decoding seccomp profile failed")]
    [InlineData("null", "null")]
    [InlineData("{", "Decoding seccomp profile failed")]
    [InlineData("""{"defaultAction": 1}""", "Decoding seccomp profile failed")]
    [InlineData("{}", "defaultAction")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ERRNO"}]}""", "'name' and 'names'")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a"}]}""", "no action")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[null]}""", "rule 0")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","architectures":["x"],"archMap":[{"architecture":"y"}]}""", "'archMap'")]
    [InlineData("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","action":"b","includes":{"minKernel":"new"}}]}""", "minKernel \"new\"")]
    public void BadDocumentsAreRefused(string json, string says)
    {
        var error = Assert.Throws<EngineException>(() => Resolve(json));
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAgentIsKept()
    {
        SeccompSpec spec = Resolve("""{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/agent.sock","listenerMetadata":"m"}""");
        Assert.Equal(("/run/agent.sock", "m"), (spec.ListenerPath, spec.ListenerMetadata));
    }

    private static SeccompSpec Resolve(string json) =>
        DockerProfile.Resolve(System.Text.Encoding.UTF8.GetBytes(json), new HashSet<string>(), Architecture.X64, new Version(6, 18));
}
