using System.Buffers;
using System.Text.Json;
using Berth.Model.Json;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.State;

/// <summary>The content of <c>state.json</c>, read and written by hand: every verb does it, and a serializer's first use takes longer than the rest of most.</summary>
internal static class StoredStateJson
{
    /// <summary>Reads it; null where it is the word <c>null</c>.</summary>
    /// <exception cref="JsonException">It is damaged.</exception>
    public static StoredState? Read(ReadOnlySpan<byte> document) => JsonCursor.Parse(document, State);

    /// <summary>Writes it.</summary>
    public static ReadOnlySpan<byte> Write(StoredState state)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
            Write(json, state);
        return buffer.WrittenSpan;
    }

    private static void Write(Utf8JsonWriter json, StoredState state)
    {
        json.WriteStartObject();
        json.WriteString("ociVersion"u8, state.OciVersion);
        json.WriteString("id"u8, state.Id);
        json.WriteString("bundle"u8, state.Bundle);
        json.WriteString("rootfs"u8, state.Rootfs);
        json.WriteString("created"u8, state.Created);
        if (state.Cgroup is { } cgroup)
            WriteCgroup(json, cgroup);
        json.WriteBoolean("hasHooks"u8, state.HasHooks);
        json.WriteBoolean("ownPidNamespace"u8, state.OwnPidNamespace);
        json.WriteNumber("pid"u8, state.Pid);
        json.WriteNumber("startTime"u8, state.StartTime);
        if (state.Annotations is { } annotations)
            WriteMap(json, "annotations"u8, annotations);
        json.WriteEndObject();
    }

    private static void WriteCgroup(Utf8JsonWriter json, CgroupLocation cgroup)
    {
        json.WriteStartObject("cgroup"u8);
        WriteMap(json, "folders"u8, cgroup.Folders);
        if (cgroup.Systemd is { } unit)
        {
            json.WriteStartObject("systemd"u8);
            json.WriteString("name"u8, unit.Name);
            json.WriteString("slice"u8, unit.Slice);
            json.WriteBoolean("isUser"u8, unit.IsUser);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteMap(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyDictionary<string, string> map)
    {
        json.WriteStartObject(name);
        foreach ((string key, string value) in map)
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static StoredState State(ref JsonCursor json)
    {
        (string? version, string? id, string? bundle, string? rootfs, DateTimeOffset? created, CgroupLocation? cgroup) = (null, null, null, null, null, null);
        (bool hasHooks, bool ownPidNamespace, int pid, ulong startTime, Dictionary<string, string>? annotations) = (false, false, 0, 0, null);
        while (json.Next())
        {
            if (json.Is("ociVersion"u8))
                version = json.Text();
            else if (json.Is("id"u8))
                id = json.Text();
            else if (json.Is("bundle"u8))
                bundle = json.Text();
            else if (json.Is("rootfs"u8))
                rootfs = json.Text();
            else if (json.Is("created"u8))
                created = json.Time();
            else if (json.Is("cgroup"u8))
                cgroup = json.Object(Cgroup);
            else if (json.Is("hasHooks"u8))
                hasHooks = json.Flag() ?? false;
            else if (json.Is("ownPidNamespace"u8))
                ownPidNamespace = json.Flag() ?? false;
            else if (json.Is("pid"u8))
                pid = json.Number<int>() ?? 0;
            else if (json.Is("startTime"u8))
                startTime = json.Number<ulong>() ?? 0;
            else if (json.Is("annotations"u8))
                annotations = json.TextMap();
            else
                json.Skip();
        }

        return new StoredState
        {
            OciVersion = version ?? throw json.Lacks("ociVersion"), Id = id ?? throw json.Lacks("id"), Bundle = bundle ?? throw json.Lacks("bundle"),
            Rootfs = rootfs ?? throw json.Lacks("rootfs"), Created = created ?? throw json.Lacks("created"), Cgroup = cgroup, HasHooks = hasHooks,
            OwnPidNamespace = ownPidNamespace, Pid = pid, StartTime = startTime, Annotations = annotations,
        };
    }

    private static CgroupLocation Cgroup(ref JsonCursor json)
    {
        Dictionary<string, string>? folders = null;
        SystemdUnit? systemd = null;
        while (json.Next())
        {
            if (json.Is("folders"u8))
                folders = json.TextMap();
            else if (json.Is("systemd"u8))
                systemd = json.Object(Unit);
            else
                json.Skip();
        }

        return new CgroupLocation { Folders = folders ?? throw json.Lacks("folders"), Systemd = systemd };
    }

    private static SystemdUnit Unit(ref JsonCursor json)
    {
        (string? name, string? slice, bool isUser) = (null, null, false);
        while (json.Next())
        {
            if (json.Is("name"u8))
                name = json.Text();
            else if (json.Is("slice"u8))
                slice = json.Text();
            else if (json.Is("isUser"u8))
                isUser = json.Flag() ?? false;
            else
                json.Skip();
        }

        return new SystemdUnit(name ?? throw json.Lacks("name"), slice ?? throw json.Lacks("slice"), isUser);
    }
}
