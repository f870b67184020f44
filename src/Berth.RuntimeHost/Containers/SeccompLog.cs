using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;
using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Containers;

/// <summary>What is told of a seccomp profile.</summary>
internal static class SeccompLog
{
    /// <summary>Logs, for debugging, the calls that the compiler leaves out as no numbering has them: typing errors, or calls of newer kernels.</summary>
    public static void UnknownCalls(RuntimeSpec spec)
    {
        if (!RuntimeLog.IsDebug || spec.Linux?.Seccomp is not { } seccomp)
            return;
        foreach (string name in SeccompCompiler.UnknownCalls(seccomp))
            RuntimeLog.Debug($"linux.seccomp: the call {name} is not known and was left out");
    }
}
