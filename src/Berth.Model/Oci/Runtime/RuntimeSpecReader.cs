using System.Text.Json;
using Berth.Model.Json;

namespace Berth.Model.Oci.Runtime;

/// <summary>
/// Reads <c>config.json</c> and its parts, with errors that name the member (<c>mounts[3].destination</c>). What <see cref="RuntimeSpecJsonContext"/>
/// writes, in a small part of the time that a process which reads one configuration would need to make use of that. Absent members have the records' defaults.
/// </summary>
public static partial class RuntimeSpecReader
{
    /// <summary>A whole configuration.</summary>
    /// <exception cref="JsonException">It is not one; the message says where.</exception>
    public static RuntimeSpec ReadSpec(ReadOnlySpan<byte> document) => JsonCursor.Parse(document, Spec) ?? throw IsNull();

    /// <summary>A whole configuration but for linux.seccomp, which is null.</summary>
    /// <exception cref="JsonException">It is not one; the message says where.</exception>
    public static RuntimeSpec ReadSpecWithoutSeccomp(ReadOnlySpan<byte> document) => JsonCursor.Parse(document, SpecWithoutSeccomp) ?? throw IsNull();

    /// <summary>The process alone.</summary>
    /// <exception cref="JsonException">It is not one; the message says where.</exception>
    public static ProcessSpec ReadProcess(ReadOnlySpan<byte> document) => JsonCursor.Parse(document, Process) ?? throw IsNull();

    /// <summary>The resources alone.</summary>
    /// <exception cref="JsonException">They are none; the message says where.</exception>
    public static ResourcesSpec ReadResources(ReadOnlySpan<byte> document) => JsonCursor.Parse(document, Resources) ?? throw IsNull();

    private static JsonException IsNull() => new("the document: wanted an object, got null");

    private static RuntimeSpec Spec(ref JsonCursor json) => Spec(ref json, Linux);

    private static RuntimeSpec SpecWithoutSeccomp(ref JsonCursor json) => Spec(ref json, LinuxWithoutSeccomp);

    private static RuntimeSpec Spec(ref JsonCursor json, JsonRead<LinuxSpec> linuxReader)
    {
        var spec = new RuntimeSpec();
        (string version, ProcessSpec? process, RootSpec? root, string? hostname, string? domainname) = (spec.OciVersion, null, null, null, null);
        (List<MountSpec>? mounts, HooksSpec? hooks, Dictionary<string, string>? annotations, LinuxSpec? linux) = (null, null, null, null);
        while (json.Next())
        {
            if (json.Is("ociVersion"u8))
                version = json.Text() ?? version;
            else if (json.Is("process"u8))
                process = json.Object(Process);
            else if (json.Is("root"u8))
                root = json.Object(Root);
            else if (json.Is("hostname"u8))
                hostname = json.Text();
            else if (json.Is("domainname"u8))
                domainname = json.Text();
            else if (json.Is("mounts"u8))
                mounts = json.Objects(Mount);
            else if (json.Is("hooks"u8))
                hooks = json.Object(Hooks);
            else if (json.Is("annotations"u8))
                annotations = json.TextMap();
            else if (json.Is("linux"u8))
                linux = json.Object(linuxReader);
            else
                json.Skip();
        }

        return new RuntimeSpec
        {
            OciVersion = version, Process = process, Root = root, Hostname = hostname, Domainname = domainname, Mounts = mounts, Hooks = hooks,
            Annotations = annotations, Linux = linux,
        };
    }

    private static RootSpec Root(ref JsonCursor json)
    {
        string? path = null;
        bool isReadonly = false;
        while (json.Next())
        {
            if (json.Is("path"u8))
                path = json.Text();
            else if (json.Is("readonly"u8))
                isReadonly = json.Flag() ?? false;
            else
                json.Skip();
        }

        return new RootSpec { Path = path ?? throw json.Lacks("path"), Readonly = isReadonly };
    }

    private static MountSpec Mount(ref JsonCursor json)
    {
        string? destination = null;
        string? type = null;
        string? source = null;
        List<string>? options = null;
        List<IdMappingSpec>? uidMappings = null;
        List<IdMappingSpec>? gidMappings = null;
        while (json.Next())
        {
            if (json.Is("destination"u8))
                destination = json.Text();
            else if (json.Is("type"u8))
                type = json.Text();
            else if (json.Is("source"u8))
                source = json.Text();
            else if (json.Is("options"u8))
                options = json.Texts();
            else if (json.Is("uidMappings"u8))
                uidMappings = json.Objects(IdMapping);
            else if (json.Is("gidMappings"u8))
                gidMappings = json.Objects(IdMapping);
            else
                json.Skip();
        }

        return new MountSpec
        {
            Destination = destination ?? throw json.Lacks("destination"), Type = type, Source = source, Options = options, UidMappings = uidMappings,
            GidMappings = gidMappings,
        };
    }

    private static HooksSpec Hooks(ref JsonCursor json)
    {
        List<HookSpec>? prestart = null;
        List<HookSpec>? createRuntime = null;
        List<HookSpec>? createContainer = null;
        List<HookSpec>? startContainer = null;
        List<HookSpec>? poststart = null;
        List<HookSpec>? poststop = null;
        while (json.Next())
        {
            if (json.Is("prestart"u8))
                prestart = json.Objects(Hook);
            else if (json.Is("createRuntime"u8))
                createRuntime = json.Objects(Hook);
            else if (json.Is("createContainer"u8))
                createContainer = json.Objects(Hook);
            else if (json.Is("startContainer"u8))
                startContainer = json.Objects(Hook);
            else if (json.Is("poststart"u8))
                poststart = json.Objects(Hook);
            else if (json.Is("poststop"u8))
                poststop = json.Objects(Hook);
            else
                json.Skip();
        }

        return new HooksSpec
        {
            Prestart = prestart, CreateRuntime = createRuntime, CreateContainer = createContainer, StartContainer = startContainer,
            Poststart = poststart, Poststop = poststop,
        };
    }

    private static HookSpec Hook(ref JsonCursor json)
    {
        string? path = null;
        List<string>? args = null;
        List<string>? env = null;
        int? timeout = null;
        while (json.Next())
        {
            if (json.Is("path"u8))
                path = json.Text();
            else if (json.Is("args"u8))
                args = json.Texts();
            else if (json.Is("env"u8))
                env = json.Texts();
            else if (json.Is("timeout"u8))
                timeout = json.Number<int>();
            else
                json.Skip();
        }

        return new HookSpec { Path = path ?? "", Args = args, Env = env, Timeout = timeout };
    }
}
