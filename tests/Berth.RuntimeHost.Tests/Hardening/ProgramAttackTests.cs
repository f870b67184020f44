using System.Security.Cryptography;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>Row 1: containers that want to write to the runtime's own file. RunTests has the entrypoint <c>#!/proc/self/exe</c>.</summary>
public sealed class ProgramAttackTests : AttackTest
{
    private readonly string runtime;
    private readonly byte[] before;

    public ProgramAttackTests()
    {
        runtime = Path.Combine(Folder, "berth-runtime");
        File.Copy(Programs.Runtime, runtime);
        before = SHA256.HashData(File.ReadAllBytes(runtime));
    }

    protected override void Dispose(bool disposing)
    {
        Assert.Equal(before, SHA256.HashData(File.ReadAllBytes(runtime)));
        base.Dispose(disposing);
    }

    // Opens whatever is not busybox for reading, holds it, and later opens that again for writing: the published exploits of CVE-2019-5736. For a file, opening
    // with >> is enough to see, and changes nothing should it work. A sealed memory file can be opened, but not be written to.
    private const string Attacker = """
        try() {
            exec 8>> $1 || return
            case $(readlink /proc/self/fd/8) in
                *busybox) ;;
                /memfd:*) echo x >&8 && echo memory $1 >> /tmp/written ;;
                *) echo file $1 >> /tmp/written ;;
            esac
        }
        while :; do
            for p in /proc/[0-9]*; do
                case $(readlink $p/exe) in *busybox | '') continue ;; esac
                echo seen >> /tmp/seen
                ( exec 9< $p/exe && sleep 0.01 && try /proc/self/fd/9 ) 2> /dev/null
                ( try $p/exe ) 2> /dev/null
                for m in $p/map_files/*; do
                    case $(readlink $m) in *berth-runtime*) ( try $m ) 2> /dev/null ;; esac
                done
            done
        done
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attack01_ExecWhileTheProgramIsHeldOpen(bool privileged)
    {
        if (privileged)
            MakePrivileged();
        string id = StartAttacker();
        File.WriteAllText(Path.Combine(Rootfs, "bin", "evil"), "#!/proc/self/exe\n");
        File.SetUnixFileMode(Path.Combine(Rootfs, "bin", "evil"), (UnixFileMode)0b111_101_101);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(0, Run("exec", id, "true").Code);
            Assert.Equal(255, Run("exec", id, "/bin/evil").Code);

            // The program of the process that execve(2) is called in.
            Assert.Equal(255, Run("exec", id, "/proc/self/exe").Code);
        }

        if (privileged)
            Await(() => Run("exec", id, "true").Code == 0 && HasSeen, "the attacker has seen a process of the runtime");
        ExpectNothingWritten();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attack01_TheWaitingProcessOfCreateSeenFromItsPidNamespace(bool privileged)
    {
        if (privileged)
            MakePrivileged();
        string id = StartAttacker();
        SetProgram("true");
        JoinPidNamespaceOf(PidOf(id));
        for (int i = 0; i < 20; i++)
        {
            string waiting = NewId();
            Assert.Equal(0, Run("create", "--bundle", Bundle, waiting).Code);
            if (privileged)
                Await(() => HasSeen, "the attacker has seen the waiting process");
            Thread.Sleep(40); // for more sights of it; nothing depends on them
            Assert.Equal(0, Run("start", waiting).Code);
            Assert.Equal(0, Run("delete", "--force", waiting).Code);
        }

        ExpectNothingWritten();
    }

    [Theory]
    [InlineData("")]
    [InlineData("CAP_SYS_PTRACE")]
    public void Attack01_AnExecsProcessShowsNothingOfTheHost(string capability)
    {
        SetCapabilities(["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_KILL", .. capability.Length > 0 ? [capability] : Array.Empty<string>()]);
        SetProgram("sh", "-c", $$"""
            while :; do
                for p in /proc/[0-9]*; do
                    case $p in /proc/1 | /proc/$$) continue ;; esac
                    if [ -e $p/root{{Victim}} ] || [ -e $p/cwd{{Victim}} ]; then echo root $p >> /tmp/written; fi
                    for f in $p/fd/*; do
                        [ -e $f{{Victim}} ] && echo $f >> /tmp/written
                        case $(readlink $f) in /sys/* | /proc* | /run/* | pid:* | mnt:* | user:* | net:* | anon_inode:* | *state*) echo $f $(readlink $f) >> /tmp/written ;; esac
                    done
                done
            done
            """);
        string id = NewId();
        _ = Expect(0, "run", "--detach", "--bundle", Bundle, id);
        for (int i = 0; i < 200; i++)
            _ = Expect(0, "exec", id, "true");
        ExpectNothingWritten();
    }

    private bool HasSeen => File.Exists(Path.Combine(Rootfs, "tmp", "seen"));

    private Outcome Run(params string[] arguments) => Programs.Run(runtime, ["--root", State, .. arguments], Bundle);

    private string StartAttacker()
    {
        SetProgram("sh", "-c", Attacker);
        string id = NewId();
        Assert.Equal(0, Run("run", "--detach", "--bundle", Bundle, id).Code);
        return id;
    }

    private void ExpectNothingWritten()
    {
        string written = Path.Combine(Rootfs, "tmp", "written");
        Assert.False(File.Exists(written), File.Exists(written) ? File.ReadAllText(written) : "");
    }
}
