using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Cli.Registries;

/// <summary>
/// A <c>config.json</c> as a list of members. What is not changed is written back as it was, byte for byte, whether this program knows of it or not; the file is replaced in one
/// step, with mode 0600 and its owner.
/// </summary>
internal sealed class ConfigFile
{
    private const uint OwnerOnly = 0x180; // 0600
    private static readonly JsonWriterOptions Layout = new() { Indented = true, IndentCharacter = '\t', IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<KeyValuePair<string, string>> members;

    private ConfigFile(string path, List<KeyValuePair<string, string>> members)
    {
        Path = path;
        this.members = members;
    }

    public string Path { get; }

    /// <summary>Reads a file; one that is not there, or is empty, has no members.</summary>
    /// <exception cref="CommandFailedException">It cannot be read or is no JSON object.</exception>
    public static ConfigFile Read(string path)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            return new ConfigFile(path, bytes.AsSpan().Trim(" \t\r\n"u8).IsEmpty ? [] : Members(bytes));
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return new ConfigFile(path, []);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"open {path}: {KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
        catch (JsonException exception)
        {
            throw new CommandFailedException($"{path}: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: not JSON, or no JSON object", exitCode: 1);
        }
    }

    /// <summary>A member's value; null when it is not there. The last counts where there are several of one name.</summary>
    public JsonElement? Find(string name)
    {
        int index = members.FindLastIndex(member => member.Key == name);
        return index < 0 ? null : Parse(members[index].Value);
    }

    /// <summary>A text; empty when it is not there or something else.</summary>
    public string Text(string name) => Find(name) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : ""; // a string token is never null

    /// <summary>The members of an object, in their order; none when it is not there or something else.</summary>
    public IEnumerable<JsonProperty> Entries(string name) => Find(name) is { ValueKind: JsonValueKind.Object } value ? value.EnumerateObject() : [];

    /// <summary>Sets a member of an object, or removes it; entries that are added come in the order of their names.</summary>
    /// <param name="name">The object, which is made where there is none.</param>
    /// <param name="entry">The member.</param>
    /// <param name="json">Its value; null removes it.</param>
    /// <returns>Whether anything changed.</returns>
    public bool SetEntry(string name, string entry, string? json)
    {
        List<KeyValuePair<string, string>> entries = [.. Entries(name).Select(static item => KeyValuePair.Create(item.Name, item.Value.GetRawText()))];
        int index = entries.FindLastIndex(item => item.Key == entry);
        if (index < 0 && json is null)
            return false;

        if (index >= 0 && json == entries[index].Value)
            return false;

        if (json is null)
        {
            entries.RemoveAll(item => item.Key == entry);
        }
        else if (index >= 0)
        {
            entries[index] = KeyValuePair.Create(entry, json);
        }
        else
        {
            int place = entries.FindIndex(item => string.CompareOrdinal(item.Key, entry) > 0);
            entries.Insert(place < 0 ? entries.Count : place, KeyValuePair.Create(entry, json));
        }

        Set(name, Nested(entries));
        return true;
    }

    /// <summary>Replaces the file; its folder is made where it is missing. A symbolic link is followed.</summary>
    /// <exception cref="CommandFailedException">It cannot be written.</exception>
    public void Write()
    {
        try
        {
            var present = new FileInfo(Path);
            string target = present.LinkTarget is null ? present.FullName : present.ResolveLinkTarget(returnFinalTarget: true)!.FullName; // a link leads somewhere
            string folder = System.IO.Path.GetDirectoryName(target)!; // a file has a folder
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            string temporary = $"{target}.{Guid.NewGuid():N}";
            try
            {
                WriteNew(temporary, target, ToJson());
                File.Move(temporary, target, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or LinuxException)
        {
            throw new CommandFailedException($"cannot write {Path}: {(exception is LinuxException ? exception.Message : exception is UnauthorizedAccessException ? "permission denied" : "input/output error")}", exitCode: 1);
        }
    }

    private static void WriteNew(string path, string target, byte[] content)
    {
        using FileDescriptor file = Paths.Open(path, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_CLOEXEC, OwnerOnly);
        FileData.Write(file, content);
        if (FileStatusCalls.TryStat(Paths.WorkingFolder, System.Text.Encoding.UTF8.GetBytes(target), out FileStatus before) && (before.Uid, before.Gid) != OwnerOf(file))
            FileAttributeCalls.SetOwner(file, before.Uid, before.Gid); // as with sudo

        FileData.Sync(file);
    }

    private static (uint Uid, uint Gid) OwnerOf(FileDescriptor file)
    {
        FileStatus status = FileStatusCalls.Stat(file);
        return (status.Uid, status.Gid);
    }

    private void Set(string name, string json)
    {
        int index = members.FindLastIndex(member => member.Key == name);
        if (index < 0)
            members.Insert(0, KeyValuePair.Create(name, json));
        else
            members[index] = KeyValuePair.Create(name, json);
    }

    private byte[] ToJson() => Write(writer =>
    {
        foreach ((string name, string value) in members)
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(value);
        }
    });

    // As the value of a member: one step further in.
    private static string Nested(List<KeyValuePair<string, string>> entries)
    {
        byte[] json = Write(writer =>
        {
            writer.WriteStartObject("x");
            foreach ((string name, string value) in entries)
            {
                writer.WritePropertyName(name);
                writer.WriteRawValue(value);
            }

            writer.WriteEndObject();
        });
        return Members(json)[0].Value;
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Layout))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static List<KeyValuePair<string, string>> Members(byte[] json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? [.. document.RootElement.EnumerateObject().Select(static member => KeyValuePair.Create(member.Name, member.Value.GetRawText()))]
            : throw new JsonException();
    }

    private static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
