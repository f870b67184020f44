namespace Berth.Linux.Tests.Netlink;

/// <summary>A test of what the kernel has from a version on; skipped, with the reason, on an older one.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class KernelFactAttribute : FactAttribute
{
    public KernelFactAttribute(string since, string what)
    {
        if (Environment.OSVersion.Version < Version.Parse(since))
            Skip = $"NOT TESTED: {what} needs a kernel of {since}, and this one is {Environment.OSVersion.Version}";
    }
}
