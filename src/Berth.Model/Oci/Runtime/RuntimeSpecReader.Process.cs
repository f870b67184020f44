using Berth.Model.Json;

namespace Berth.Model.Oci.Runtime;

// The process.
public static partial class RuntimeSpecReader
{
    private static ProcessSpec Process(ref JsonCursor json)
    {
        bool terminal = false;
        ConsoleSize? consoleSize = null;
        UserSpec? user = null;
        List<string>? args = null;
        List<string>? env = null;
        string? cwd = null;
        CapabilitiesSpec? capabilities = null;
        List<RlimitSpec>? rlimits = null;
        bool noNewPrivileges = false;
        int? oomScoreAdj = null;
        string? apparmorProfile = null;
        string? selinuxLabel = null;
        SchedulerSpec? scheduler = null;
        IoPrioritySpec? ioPriority = null;
        CpuAffinitySpec? execCpuAffinity = null;
        while (json.Next())
        {
            if (json.Is("terminal"u8))
                terminal = json.Flag() ?? false;
            else if (json.Is("consoleSize"u8))
                consoleSize = json.Object(Size);
            else if (json.Is("user"u8))
                user = json.Object(User);
            else if (json.Is("args"u8))
                args = json.Texts();
            else if (json.Is("env"u8))
                env = json.Texts();
            else if (json.Is("cwd"u8))
                cwd = json.Text();
            else if (json.Is("capabilities"u8))
                capabilities = json.Object(Capabilities);
            else if (json.Is("rlimits"u8))
                rlimits = json.Objects(Rlimit);
            else if (json.Is("noNewPrivileges"u8))
                noNewPrivileges = json.Flag() ?? false;
            else if (json.Is("oomScoreAdj"u8))
                oomScoreAdj = json.Number<int>();
            else if (json.Is("apparmorProfile"u8))
                apparmorProfile = json.Text();
            else if (json.Is("selinuxLabel"u8))
                selinuxLabel = json.Text();
            else if (json.Is("scheduler"u8))
                scheduler = json.Object(Scheduler);
            else if (json.Is("ioPriority"u8))
                ioPriority = json.Object(IoPriority);
            else if (json.Is("execCPUAffinity"u8))
                execCpuAffinity = json.Object(CpuAffinity);
            else
                json.Skip();
        }

        return new ProcessSpec
        {
            Terminal = terminal, ConsoleSize = consoleSize, User = user ?? new UserSpec(), Args = args ?? [], Env = env, Cwd = cwd ?? "/",
            Capabilities = capabilities, Rlimits = rlimits, NoNewPrivileges = noNewPrivileges, OomScoreAdj = oomScoreAdj,
            ApparmorProfile = apparmorProfile, SelinuxLabel = selinuxLabel, Scheduler = scheduler, IoPriority = ioPriority,
            ExecCpuAffinity = execCpuAffinity,
        };
    }

    private static ConsoleSize Size(ref JsonCursor json)
    {
        uint height = 0;
        uint width = 0;
        while (json.Next())
        {
            if (json.Is("height"u8))
                height = json.Number<uint>() ?? 0;
            else if (json.Is("width"u8))
                width = json.Number<uint>() ?? 0;
            else
                json.Skip();
        }

        return new ConsoleSize(height, width);
    }

    private static UserSpec User(ref JsonCursor json)
    {
        uint uid = 0;
        uint gid = 0;
        uint? umask = null;
        List<uint>? additionalGids = null;
        while (json.Next())
        {
            if (json.Is("uid"u8))
                uid = json.Number<uint>() ?? 0;
            else if (json.Is("gid"u8))
                gid = json.Number<uint>() ?? 0;
            else if (json.Is("umask"u8))
                umask = json.Number<uint>();
            else if (json.Is("additionalGids"u8))
                additionalGids = json.Numbers();
            else
                json.Skip();
        }

        return new UserSpec { Uid = uid, Gid = gid, Umask = umask, AdditionalGids = additionalGids };
    }

    private static CapabilitiesSpec Capabilities(ref JsonCursor json)
    {
        List<string>? bounding = null;
        List<string>? effective = null;
        List<string>? inheritable = null;
        List<string>? permitted = null;
        List<string>? ambient = null;
        while (json.Next())
        {
            if (json.Is("bounding"u8))
                bounding = json.Texts();
            else if (json.Is("effective"u8))
                effective = json.Texts();
            else if (json.Is("inheritable"u8))
                inheritable = json.Texts();
            else if (json.Is("permitted"u8))
                permitted = json.Texts();
            else if (json.Is("ambient"u8))
                ambient = json.Texts();
            else
                json.Skip();
        }

        return new CapabilitiesSpec
        {
            Bounding = bounding, Effective = effective, Inheritable = inheritable, Permitted = permitted, Ambient = ambient,
        };
    }

    private static RlimitSpec Rlimit(ref JsonCursor json)
    {
        string? type = null;
        ulong hard = 0;
        ulong soft = 0;
        while (json.Next())
        {
            if (json.Is("type"u8))
                type = json.Text();
            else if (json.Is("hard"u8))
                hard = json.Number<ulong>() ?? 0;
            else if (json.Is("soft"u8))
                soft = json.Number<ulong>() ?? 0;
            else
                json.Skip();
        }

        return new RlimitSpec(type ?? "", hard, soft);
    }

    private static SchedulerSpec Scheduler(ref JsonCursor json)
    {
        string? policy = null;
        int? nice = null;
        int? priority = null;
        List<string>? flags = null;
        ulong? runtime = null;
        ulong? deadline = null;
        ulong? period = null;
        while (json.Next())
        {
            if (json.Is("policy"u8))
                policy = json.Text();
            else if (json.Is("nice"u8))
                nice = json.Number<int>();
            else if (json.Is("priority"u8))
                priority = json.Number<int>();
            else if (json.Is("flags"u8))
                flags = json.Texts();
            else if (json.Is("runtime"u8))
                runtime = json.Number<ulong>();
            else if (json.Is("deadline"u8))
                deadline = json.Number<ulong>();
            else if (json.Is("period"u8))
                period = json.Number<ulong>();
            else
                json.Skip();
        }

        return new SchedulerSpec
        {
            Policy = policy ?? "", Nice = nice, Priority = priority, Flags = flags, Runtime = runtime, Deadline = deadline, Period = period,
        };
    }

    private static IoPrioritySpec IoPriority(ref JsonCursor json)
    {
        string? kind = null;
        int priority = 0;
        while (json.Next())
        {
            if (json.Is("class"u8))
                kind = json.Text();
            else if (json.Is("priority"u8))
                priority = json.Number<int>() ?? 0;
            else
                json.Skip();
        }

        return new IoPrioritySpec { Class = kind ?? "", Priority = priority };
    }

    private static CpuAffinitySpec CpuAffinity(ref JsonCursor json)
    {
        string? initial = null;
        string? final = null;
        while (json.Next())
        {
            if (json.Is("initial"u8))
                initial = json.Text();
            else if (json.Is("final"u8))
                final = json.Text();
            else
                json.Skip();
        }

        return new CpuAffinitySpec { Initial = initial, Final = final };
    }
}
