using System.Text.Json;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Shims.Server;

/// <summary>Touches, in an idle shim, the code that its first requests need, so that its pages are there when they come.</summary>
internal static class WarmUp
{
    internal static void Run()
    {
        _ = JsonSerializer.Deserialize(
            """{"id":"x","exitFile":"/x","socketPath":"/x","rootfsMounts":[{"type":"a","source":"b","destination":"/","options":["c"]}]}"""u8,
            ShimJsonContext.Default.ShimConfig);
        _ = RuntimeSpecReader.ReadSpec(
            """
            {"process":{"user":{"uid":0},"args":["a"],"env":["b"],"cwd":"/","capabilities":{"bounding":["c"]},"rlimits":[{"type":"d","hard":1,"soft":1}]},
            "root":{"path":"rootfs"},"mounts":[{"destination":"/e","type":"f","source":"g","options":["h"]}],"linux":{"namespaces":[{"type":"i"}],
            "resources":{"devices":[{"allow":true,"type":"c","major":1,"minor":2,"access":"r"}]},"maskedPaths":["j"],"readonlyPaths":["k"],
            "seccomp":{"defaultAction":"l","architectures":["m"],"syscalls":[{"names":["n"],"action":"o","args":[{"index":0,"value":1,"op":"p"}]}]}}}
            """u8);
    }
}
