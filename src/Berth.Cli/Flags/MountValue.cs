using System.Globalization;
using System.Text.Json;
using Berth.Api;

namespace Berth.Cli.Flags;

/// <summary>A value of <c>--mount</c>, such as <c>type=bind,source=/a,target=/b,readonly</c>.</summary>
internal sealed class MountValue
{
    private readonly MountSpec mount = new() { Type = "volume" };
    private readonly Options volume = new();
    private readonly Options image = new();
    private readonly Options tmpfs = new();
    private readonly Dictionary<string, string> labels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> driverOptions = new(StringComparer.Ordinal);
    private BindOptions? bind;
    private string? driver;

    private MountValue()
    {
    }

    private BindOptions Bind => bind ??= new BindOptions();

    /// <exception cref="FlagValueException">A field is unknown, malformed, missing or of another type of mount.</exception>
    public static MountSpec Parse(string text)
    {
        var value = new MountValue();
        foreach (string field in CsvFields.Split(text))
            value.Set(field);

        return value.Complete();
    }

    private void Set(string field)
    {
        int equals = field.IndexOf('=');
        string key = (equals < 0 ? field : field[..equals]).ToLowerInvariant();
        string value = equals < 0 ? "" : field[(equals + 1)..];
        if (equals < 0 && key is not ("readonly" or "ro" or "volume-nocopy" or "bind-nonrecursive" or "bind-create-src"))
            throw new FlagValueException($"invalid field '{field}' must be a key=value pair");

        switch (key)
        {
            case "type":
                mount.Type = value.ToLowerInvariant();
                break;
            case "source" or "src":
                mount.Source = value.StartsWith('.') ? Path.GetFullPath(value) : value;
                break;
            case "target" or "dst" or "destination":
                mount.Target = value;
                break;
            case "readonly" or "ro":
                mount.ReadOnly = Switch(key, value, equals < 0);
                break;
            case "consistency":
                mount.Consistency = value.ToLowerInvariant();
                break;
            case "volume-label":
                Pair(labels, value);
                break;
            case "volume-opt":
                Pair(driverOptions, value);
                break;
            case "volume-driver":
                driver = value;
                break;
            default:
                SetOption(key, value, equals < 0, field);
                break;
        }
    }

    private void SetOption(string key, string value, bool bare, string field)
    {
        switch (key)
        {
            case "bind-propagation":
                Bind.Propagation = value.ToLowerInvariant();
                break;
            case "bind-nonrecursive":
                Bind.NonRecursive = Switch(key, value, bare);
                break;
            case "bind-create-src":
                Bind.CreateMountpoint = Switch(key, value, bare);
                break;
            case "bind-recursive":
                SetRecursive(value);
                break;
            case "volume-nocopy":
                volume.Flag("NoCopy", Switch(key, value, bare));
                break;
            case "volume-subpath":
                volume.Text("Subpath", value);
                break;
            case "image-subpath":
                image.Text("Subpath", value);
                break;
            case "tmpfs-size":
                tmpfs.Number("SizeBytes", Size(key, value));
                break;
            case "tmpfs-mode":
                tmpfs.Number("Mode", Mode(key, value));
                break;
            default:
                throw new FlagValueException($"unexpected key '{key}' in '{field}'");
        }
    }

    private void SetRecursive(string value)
    {
        switch (value)
        {
            case "enabled":
                break;
            case "disabled":
                Bind.NonRecursive = true;
                break;
            case "writable":
                Bind.ReadOnlyNonRecursive = true;
                break;
            case "readonly":
                Bind.ReadOnlyForceRecursive = true;
                break;
            default:
                throw new FlagValueException($"invalid value for bind-recursive: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")");
        }
    }

    private MountSpec Complete()
    {
        if (string.IsNullOrEmpty(mount.Type))
            throw new FlagValueException("type is required");

        if (string.IsNullOrEmpty(mount.Target))
            throw new FlagValueException("target is required");

        bool ofVolume = volume.Any || labels.Count > 0 || driver is not null || driverOptions.Count > 0;
        foreach ((bool used, string kind) in (ReadOnlySpan<(bool, string)>)[(ofVolume, "volume"), (bind is not null, "bind"), (image.Any, "image"), (tmpfs.Any, "tmpfs")])
        {
            if (used && mount.Type != kind)
                throw new FlagValueException($"cannot mix '{kind}-*' options with mount type '{mount.Type}'");
        }

        CheckRecursion();
        if (driver is not null || driverOptions.Count > 0)
            volume.Add("DriverConfig", WriteDriver);

        if (labels.Count > 0)
            volume.Add("Labels", writer => WriteMap(writer, labels));

        mount.BindOptions = bind;
        mount.VolumeOptions = volume.ToJson();
        mount.ImageOptions = image.ToJson();
        mount.TmpfsOptions = tmpfs.ToJson();
        return mount;
    }

    private void CheckRecursion()
    {
        if (bind is { ReadOnlyNonRecursive: true } && !mount.ReadOnly)
            throw new FlagValueException("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");

        if (bind is not { ReadOnlyForceRecursive: true })
            return;

        if (!mount.ReadOnly)
            throw new FlagValueException("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");

        if (bind.Propagation != "rprivate")
            throw new FlagValueException("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
    }

    private void WriteDriver(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        if (driver is not null)
            writer.WriteString("Name", driver);

        if (driverOptions.Count > 0)
        {
            writer.WritePropertyName("Options");
            WriteMap(writer, driverOptions);
        }

        writer.WriteEndObject();
    }

    private static void WriteMap(Utf8JsonWriter writer, Dictionary<string, string> map)
    {
        writer.WriteStartObject();
        foreach ((string key, string value) in map)
            writer.WriteString(key, value);

        writer.WriteEndObject();
    }

    private static void Pair(Dictionary<string, string> map, string text)
    {
        int equals = text.IndexOf('=');
        map[equals < 0 ? text : text[..equals]] = equals < 0 ? "" : text[(equals + 1)..];
    }

    private static bool Switch(string key, string value, bool bare) => bare || value switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => throw new FlagValueException($"invalid value for {key}: {value}"),
    };

    private static long Size(string key, string value)
    {
        try
        {
            return Values.Bytes(value);
        }
        catch (FlagValueException)
        {
            throw new FlagValueException($"invalid value for {key}: {value}");
        }
    }

    private static long Mode(string key, string value)
    {
        long mode = 0;
        foreach (char digit in value)
            mode = digit is >= '0' and <= '7' && mode <= uint.MaxValue ? (mode * 8) + (digit - '0') : throw new FlagValueException($"invalid value for {key}: {value}");

        return value.Length > 0 ? mode : throw new FlagValueException($"invalid value for {key}: {value}");
    }

    /// <summary>An object of the request that is only there when something is in it.</summary>
    private sealed class Options
    {
        private readonly List<(string Name, Action<Utf8JsonWriter> Write)> members = [];

        public bool Any => members.Count > 0;

        public void Text(string name, string value) => Add(name, writer => writer.WriteStringValue(value));

        public void Flag(string name, bool value)
        {
            if (value)
                Add(name, writer => writer.WriteBooleanValue(value: true));
        }

        public void Number(string name, long value) => Add(name, writer => writer.WriteNumberValue(value));

        public void Add(string name, Action<Utf8JsonWriter> write)
        {
            members.RemoveAll(member => member.Name == name);
            members.Add((name, write));
        }

        public JsonElement? ToJson()
        {
            if (!Any)
                return null;

            using var buffer = new MemoryStream();
            using (var writer = new Utf8JsonWriter(buffer))
            {
                writer.WriteStartObject();
                foreach ((string name, Action<Utf8JsonWriter> write) in members)
                {
                    writer.WritePropertyName(name);
                    write(writer);
                }

                writer.WriteEndObject();
            }

            using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
            return document.RootElement.Clone();
        }
    }
}
