using Berth.Model.Json;

namespace Berth.Model.Oci.Runtime;

// What is for Linux alone, but for the resources.
public static partial class RuntimeSpecReader
{
    private static LinuxSpec Linux(ref JsonCursor json) => Linux(ref json, withSeccomp: true);

    private static LinuxSpec LinuxWithoutSeccomp(ref JsonCursor json) => Linux(ref json, withSeccomp: false);

    private static LinuxSpec Linux(ref JsonCursor json, bool withSeccomp)
    {
        List<NamespaceSpec>? namespaces = null;
        List<IdMappingSpec>? uidMappings = null;
        List<IdMappingSpec>? gidMappings = null;
        Dictionary<string, TimeOffsetSpec>? timeOffsets = null;
        List<DeviceSpec>? devices = null;
        string? cgroupsPath = null;
        ResourcesSpec? resources = null;
        IntelRdtSpec? intelRdt = null;
        SeccompSpec? seccomp = null;
        string? rootfsPropagation = null;
        List<string>? maskedPaths = null;
        List<string>? readonlyPaths = null;
        string? mountLabel = null;
        Dictionary<string, string>? sysctl = null;
        PersonalitySpec? personality = null;
        while (json.Next())
        {
            if (json.Is("namespaces"u8))
                namespaces = json.Objects(Namespace);
            else if (json.Is("uidMappings"u8))
                uidMappings = json.Objects(IdMapping);
            else if (json.Is("gidMappings"u8))
                gidMappings = json.Objects(IdMapping);
            else if (json.Is("timeOffsets"u8))
                timeOffsets = json.ObjectMap(TimeOffset);
            else if (json.Is("devices"u8))
                devices = json.Objects(Device);
            else if (json.Is("cgroupsPath"u8))
                cgroupsPath = json.Text();
            else if (json.Is("resources"u8))
                resources = json.Object(Resources);
            else if (json.Is("intelRdt"u8))
                intelRdt = json.Object(IntelRdt);
            else if (withSeccomp && json.Is("seccomp"u8))
                seccomp = json.Object(Seccomp);
            else if (json.Is("rootfsPropagation"u8))
                rootfsPropagation = json.Text();
            else if (json.Is("maskedPaths"u8))
                maskedPaths = json.Texts();
            else if (json.Is("readonlyPaths"u8))
                readonlyPaths = json.Texts();
            else if (json.Is("mountLabel"u8))
                mountLabel = json.Text();
            else if (json.Is("sysctl"u8))
                sysctl = json.TextMap();
            else if (json.Is("personality"u8))
                personality = json.Object(Personality);
            else
                json.Skip();
        }

        return new LinuxSpec
        {
            Namespaces = namespaces, UidMappings = uidMappings, GidMappings = gidMappings, TimeOffsets = timeOffsets, Devices = devices,
            CgroupsPath = cgroupsPath, Resources = resources, IntelRdt = intelRdt, Seccomp = seccomp, RootfsPropagation = rootfsPropagation,
            MaskedPaths = maskedPaths, ReadonlyPaths = readonlyPaths, MountLabel = mountLabel, Sysctl = sysctl, Personality = personality,
        };
    }

    private static NamespaceSpec Namespace(ref JsonCursor json)
    {
        string? type = null;
        string? path = null;
        while (json.Next())
        {
            if (json.Is("type"u8))
                type = json.Text();
            else if (json.Is("path"u8))
                path = json.Text();
            else
                json.Skip();
        }

        return new NamespaceSpec(type ?? "", path);
    }

    private static IdMappingSpec IdMapping(ref JsonCursor json)
    {
        uint containerId = 0;
        uint hostId = 0;
        uint size = 0;
        while (json.Next())
        {
            if (json.Is("containerID"u8))
                containerId = json.Number<uint>() ?? 0;
            else if (json.Is("hostID"u8))
                hostId = json.Number<uint>() ?? 0;
            else if (json.Is("size"u8))
                size = json.Number<uint>() ?? 0;
            else
                json.Skip();
        }

        return new IdMappingSpec { ContainerId = containerId, HostId = hostId, Size = size };
    }

    private static TimeOffsetSpec TimeOffset(ref JsonCursor json)
    {
        long secs = 0;
        uint nanosecs = 0;
        while (json.Next())
        {
            if (json.Is("secs"u8))
                secs = json.Number<long>() ?? 0;
            else if (json.Is("nanosecs"u8))
                nanosecs = json.Number<uint>() ?? 0;
            else
                json.Skip();
        }

        return new TimeOffsetSpec { Secs = secs, Nanosecs = nanosecs };
    }

    private static DeviceSpec Device(ref JsonCursor json)
    {
        string? type = null;
        string? path = null;
        long? major = null;
        long? minor = null;
        uint? fileMode = null;
        uint? uid = null;
        uint? gid = null;
        while (json.Next())
        {
            if (json.Is("type"u8))
                type = json.Text();
            else if (json.Is("path"u8))
                path = json.Text();
            else if (json.Is("major"u8))
                major = json.Number<long>();
            else if (json.Is("minor"u8))
                minor = json.Number<long>();
            else if (json.Is("fileMode"u8))
                fileMode = json.Number<uint>();
            else if (json.Is("uid"u8))
                uid = json.Number<uint>();
            else if (json.Is("gid"u8))
                gid = json.Number<uint>();
            else
                json.Skip();
        }

        return new DeviceSpec
        {
            Type = type ?? throw json.Lacks("type"), Path = path ?? throw json.Lacks("path"), Major = major, Minor = minor, FileMode = fileMode,
            Uid = uid, Gid = gid,
        };
    }

    private static IntelRdtSpec IntelRdt(ref JsonCursor json)
    {
        string? closId = null;
        string? l3CacheSchema = null;
        string? memBwSchema = null;
        bool enableCmt = false;
        bool enableMbm = false;
        while (json.Next())
        {
            if (json.Is("closID"u8))
                closId = json.Text();
            else if (json.Is("l3CacheSchema"u8))
                l3CacheSchema = json.Text();
            else if (json.Is("memBwSchema"u8))
                memBwSchema = json.Text();
            else if (json.Is("enableCMT"u8))
                enableCmt = json.Flag() ?? false;
            else if (json.Is("enableMBM"u8))
                enableMbm = json.Flag() ?? false;
            else
                json.Skip();
        }

        return new IntelRdtSpec
        {
            ClosId = closId, L3CacheSchema = l3CacheSchema, MemBwSchema = memBwSchema, EnableCmt = enableCmt, EnableMbm = enableMbm,
        };
    }

    private static PersonalitySpec Personality(ref JsonCursor json)
    {
        string? domain = null;
        List<string>? flags = null;
        while (json.Next())
        {
            if (json.Is("domain"u8))
                domain = json.Text();
            else if (json.Is("flags"u8))
                flags = json.Texts();
            else
                json.Skip();
        }

        return new PersonalitySpec { Domain = domain ?? "", Flags = flags };
    }

    private static SeccompSpec Seccomp(ref JsonCursor json)
    {
        string? defaultAction = null;
        uint? defaultErrnoRet = null;
        List<string>? architectures = null;
        List<string>? flags = null;
        string? listenerPath = null;
        string? listenerMetadata = null;
        List<SeccompRule>? syscalls = null;
        while (json.Next())
        {
            if (json.Is("defaultAction"u8))
                defaultAction = json.Text();
            else if (json.Is("defaultErrnoRet"u8))
                defaultErrnoRet = json.Number<uint>();
            else if (json.Is("architectures"u8))
                architectures = json.Texts();
            else if (json.Is("flags"u8))
                flags = json.Texts();
            else if (json.Is("listenerPath"u8))
                listenerPath = json.Text();
            else if (json.Is("listenerMetadata"u8))
                listenerMetadata = json.Text();
            else if (json.Is("syscalls"u8))
                syscalls = json.Objects(Rule);
            else
                json.Skip();
        }

        return new SeccompSpec
        {
            DefaultAction = defaultAction ?? throw json.Lacks("defaultAction"), DefaultErrnoRet = defaultErrnoRet, Architectures = architectures,
            Flags = flags, ListenerPath = listenerPath, ListenerMetadata = listenerMetadata, Syscalls = syscalls,
        };
    }

    private static SeccompRule Rule(ref JsonCursor json)
    {
        List<string>? names = null;
        string? action = null;
        uint? errnoRet = null;
        List<SeccompArgument>? args = null;
        while (json.Next())
        {
            if (json.Is("names"u8))
                names = json.Texts();
            else if (json.Is("action"u8))
                action = json.Text();
            else if (json.Is("errnoRet"u8))
                errnoRet = json.Number<uint>();
            else if (json.Is("args"u8))
                args = json.Objects(Argument);
            else
                json.Skip();
        }

        return new SeccompRule
        {
            Names = names ?? throw json.Lacks("names"), Action = action ?? throw json.Lacks("action"), ErrnoRet = errnoRet, Args = args,
        };
    }

    private static SeccompArgument Argument(ref JsonCursor json)
    {
        uint index = 0;
        ulong value = 0;
        ulong? valueTwo = null;
        string? op = null;
        while (json.Next())
        {
            if (json.Is("index"u8))
                index = json.Number<uint>() ?? 0;
            else if (json.Is("value"u8))
                value = json.Number<ulong>() ?? 0;
            else if (json.Is("valueTwo"u8))
                valueTwo = json.Number<ulong>();
            else if (json.Is("op"u8))
                op = json.Text();
            else
                json.Skip();
        }

        return new SeccompArgument { Index = index, Value = value, ValueTwo = valueTwo, Op = op ?? throw json.Lacks("op") };
    }
}
