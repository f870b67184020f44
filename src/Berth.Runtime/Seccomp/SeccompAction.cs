using Berth.Model;

namespace Berth.Runtime.Seccomp;

/// <summary>
/// What a filter returns to the kernel (seccomp(2), linux/seccomp.h): an action in the upper half, its data in the lower.
/// As signed numbers, the more severe action is the smaller one; the kernel orders them so too.
/// </summary>
internal static class SeccompAction
{
    public const uint KillProcess = 0x80000000;
    public const uint KillThread = 0x00000000;
    public const uint Trap = 0x00030000;
    public const uint Errno = 0x00050000;
    public const uint UserNotify = 0x7FC00000;
    public const uint Trace = 0x7FF00000;
    public const uint Log = 0x7FFC0000;
    public const uint Allow = 0x7FFF0000;

    /// <summary>The call does not exist, as far as the program can see: the C library then falls back to an older one.</summary>
    public const uint NoSuchCall = Errno | 38;

    /// <summary>The one action that needs a listener.</summary>
    public const string NotifyName = "SCMP_ACT_NOTIFY";

    // No list on its own: what features announces is what Parse takes.
    private static readonly (string Name, uint Action)[] Known =
    [
        ("SCMP_ACT_ALLOW", Allow), ("SCMP_ACT_ERRNO", Errno), ("SCMP_ACT_KILL", KillThread), ("SCMP_ACT_KILL_PROCESS", KillProcess),
        ("SCMP_ACT_KILL_THREAD", KillThread), ("SCMP_ACT_LOG", Log), (NotifyName, UserNotify), ("SCMP_ACT_TRACE", Trace), ("SCMP_ACT_TRAP", Trap),
    ];

    private const uint Eperm = 1;
    private const uint MaxErrno = 4095;

    /// <summary>The names that <see cref="Parse"/> takes, sorted.</summary>
    public static IReadOnlyList<string> Names => [.. Known.Select(static k => k.Name)];

    /// <summary>Severity of an action without its data; smaller is more severe.</summary>
    public static int Severity(uint action) => (int)(action & 0xFFFF0000);

    /// <summary>The return value for an OCI action name; ERRNO and TRACE carry <paramref name="errno"/>, EPERM when it is null.</summary>
    /// <param name="name"><c>SCMP_ACT_...</c> (OCI config-linux.md, seccomp).</param>
    /// <param name="errno">The number asked for, if one was.</param>
    /// <param name="where">The part of the profile, for the message.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/>: unknown name, or a number where it has no meaning or no room.</exception>
    public static uint Parse(string name, uint? errno, string where)
    {
        int at = Array.FindIndex(Known, k => k.Name == name);
        if (at < 0)
            throw Invalid($"{where}: unknown action \"{name}\"; known are SCMP_ACT_ ALLOW, ERRNO, KILL, KILL_THREAD, KILL_PROCESS, TRAP, TRACE, LOG, NOTIFY");
        uint action = Known[at].Action;
        if (action is not (Errno or Trace))
            return errno is null
                ? action
                : throw Invalid($"{where}: {name} takes no errno (got {errno}); only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do");
        uint number = errno ?? Eperm;
        uint limit = action == Errno ? MaxErrno : ushort.MaxValue;
        return number <= limit ? action | number : throw Invalid($"{where}: errno {number} is above {limit}, the most that {name} can carry");
    }

    /// <summary>An error about the profile itself.</summary>
    public static EngineException Invalid(string what) => new(ErrorKind.InvalidArgument, "seccomp profile: " + what);
}
