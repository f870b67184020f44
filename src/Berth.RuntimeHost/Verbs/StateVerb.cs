using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;
using Berth.RuntimeHost.Containers;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>state</c>: one container as JSON, for programs.</summary>
internal static class StateVerb
{
    public static Verb Verb() => new(
        "state", "output the state of a container", "<container-id>", "Prints the container's state as JSON: the members of the specification, and rootfs, created and owner.",
        [], Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("state", 1, 1);
        using var container = new Container(call.Options.Store.Open(ContainerName.Parse(call.Arguments.Rest[0])));
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
            Write(writer, container, "");
        RuntimeLog.Print(Encoding.UTF8.GetString(buffer.WrittenSpan));
        return 0;
    }

    /// <summary>One object, its members in runc's order.</summary>
    internal static void Write(Utf8JsonWriter writer, Container container, string owner)
    {
        StoredState state = container.State;
        ContainerStatus status = container.Status;
        writer.WriteStartObject();
        writer.WriteString("ociVersion"u8, state.OciVersion);
        writer.WriteString("id"u8, container.Id);
        writer.WriteNumber("pid"u8, ShownPid(state, status));
        writer.WriteString("status"u8, Container.NameOf(status));
        writer.WriteString("bundle"u8, state.Bundle);
        writer.WriteString("rootfs"u8, state.Rootfs);
        writer.WriteString("created"u8, ShowTime(state.Created));
        if (state.Annotations is { Count: > 0 } annotations)
        {
            writer.WriteStartObject("annotations"u8);
            foreach ((string name, string value) in new SortedDictionary<string, string>(annotations, StringComparer.Ordinal))
                writer.WriteString(name, value);
            writer.WriteEndObject();
        }

        writer.WriteString("owner"u8, owner);
        writer.WriteEndObject();
    }

    /// <summary>The pid, which is 0 when the process has ended.</summary>
    internal static int ShownPid(StoredState state, ContainerStatus status) => status == ContainerStatus.Stopped ? 0 : state.Pid;

    /// <summary>As RFC 3339.</summary>
    internal static string ShowTime(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture) + "Z";
}
