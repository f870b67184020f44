using System.Text.Json;
using Berth.Engine.Networks;
using Berth.Model;

namespace Berth.Daemon.Options;

/// <summary>What the daemon was told by its command line and daemon.json; the command line wins.</summary>
internal sealed record DaemonOptions
{
    public const string DefaultHost = "unix:///run/berth.sock";
    public const string DefaultConfigFile = "/etc/berth/daemon.json";

    public string DataRoot { get; init; } = "/var/lib/berth";
    public string ExecRoot { get; init; } = "/run/berth";

    /// <summary>Addresses to listen on, <c>unix://PATH</c> or <c>tcp://HOST:PORT</c>; empty for <see cref="DefaultHost"/>.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];
    public string? PidFile { get; init; }

    /// <summary>The default network's bridge; <c>none</c>: there is no default network.</summary>
    public string Bridge { get; init; } = "berth0";

    /// <summary>That bridge's address with its prefix length; empty: the engine chooses one that is free.</summary>
    public string BridgeAddress { get; init; } = "";

    /// <summary>Bytes of the default network's packets; null: the kernel's default.</summary>
    public int? Mtu { get; init; }
    public bool Debug { get; init; }

    /// <summary>Whether containers have an init unless they say otherwise.</summary>
    public bool Init { get; init; }

    /// <summary>How layers are kept: <c>overlay2</c>, <c>vfs</c>, or empty for what the data root was made with (overlay2 for a new one).</summary>
    public string StorageDriver { get; init; } = "";

    public const string Usage = """
        Usage:  berthd [OPTIONS]

        The Berth daemon: serves the Docker Engine API and keeps containers and images.

        Options:
              --bip string           Address of the default network's bridge with its prefix length, which gives the subnet (default: one that is free)
              --bridge string        Name of the default network's bridge, made by the daemon; "none": there is no default network (default "berth0")
              --config-file string   Daemon configuration file (default "/etc/berth/daemon.json")
              --data-root string     Root folder of persistent state (default "/var/lib/berth")
          -D, --debug                Log more
              --exec-root string     Root folder of state that may vanish at a reboot (default "/run/berth")
              --help                 Print usage
          -H, --host list            Address to listen on, unix://PATH or tcp://HOST:PORT (default "unix:///run/berth.sock")
              --init                 Run an init in containers that say nothing about it; it forwards signals and reaps processes
              --mtu int              Bytes of a packet in the default network (default: the kernel's)
          -p, --pidfile string       File to write the daemon's process id to
          -s, --storage-driver string
                                     How layers are kept: overlay2 or vfs (default as the data root was made, overlay2 for a new one)
          -v, --version              Print version information and quit

        """;

    /// <summary>Reads the command line and the configuration file it names.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the option or the file's member that is not understood.</exception>
    public static DaemonOptions Parse(IReadOnlyList<string> args)
    {
        string? configFile = null;
        var overrides = new Dictionary<string, string>(StringComparer.Ordinal);
        var hosts = new List<string>();
        for (int i = 0; i < args.Count; i++)
        {
            (string name, string? value) = args[i].StartsWith("--", StringComparison.Ordinal) && args[i].IndexOf('=', StringComparison.Ordinal) is > 0 and int equals
                ? (args[i][..equals], args[i][(equals + 1)..])
                : (args[i], null);
            string Value() => value ?? (i + 1 < args.Count ? args[++i] : throw new EngineException(ErrorKind.InvalidArgument, $"flag needs an argument: {name}"));
            switch (name)
            {
                case "-H" or "--host":
                    hosts.Add(Value());
                    break;
                case "--config-file":
                    configFile = Value();
                    break;
                case "-D" or "--debug":
                    overrides["debug"] = value ?? "true";
                    break;
                case "--init":
                    overrides["init"] = value ?? "true";
                    break;
                case "-p" or "--pidfile":
                    overrides["pidfile"] = Value();
                    break;
                case "-s" or "--storage-driver":
                    overrides["storage-driver"] = Value();
                    break;
                case "--data-root" or "--exec-root" or "--bridge" or "--bip" or "--mtu":
                    overrides[name[2..]] = Value();
                    break;
                default:
                    throw new EngineException(ErrorKind.InvalidArgument, $"unknown flag: {name}\nSee 'berthd --help'.");
            }
        }

        DaemonOptions options = ReadFile(configFile);
        foreach ((string name, string value) in overrides)
        {
            options = options.With(name, value);
        }

        options = hosts.Count > 0 ? options with { Hosts = hosts } : options;
        return options.Validate();
    }

    private static DaemonOptions ReadFile(string? configFile)
    {
        var options = new DaemonOptions();
        string path = configFile ?? DefaultConfigFile;
        if (configFile is null && !File.Exists(path))
        {
            return options;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                options = property.Name == "hosts"
                    ? options with { Hosts = [.. property.Value.EnumerateArray().Select(static host => host.GetString() ?? "")] }
                    : options.With(property.Name, property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText());
            }

            return options;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"unable to configure the daemon with file {path}: {exception.Message}", exception);
        }
    }

    private DaemonOptions With(string name, string value) => name switch
    {
        "data-root" or "exec-root" or "pidfile" when value.Length == 0 => throw new EngineException(ErrorKind.InvalidArgument, $"{name} must not be empty"),
        "data-root" => this with { DataRoot = Path.GetFullPath(value) },
        "exec-root" => this with { ExecRoot = Path.GetFullPath(value) },
        "pidfile" => this with { PidFile = value },
        "storage-driver" => this with
        {
            StorageDriver = value is "" or "overlay2" or "vfs"
                ? value
                : throw new EngineException(ErrorKind.InvalidArgument, $"driver not supported: {value}; the storage drivers are overlay2 and vfs"),
        },
        "bridge" when value.Length is 0 or > 15 || value.Any(static c => c is '/' or ':' or '%' || !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')) =>
            throw new EngineException(ErrorKind.InvalidArgument, $"bridge: wanted an interface name of at most 15 characters, or \"none\", got \"{value}\""),
        "bridge" => this with { Bridge = value },
        "bip" => this with { BridgeAddress = value },
        "mtu" => this with { Mtu = BridgeOptions.ParseMtu(value) },
        "debug" => this with { Debug = Switch(name, value) },
        "init" => this with { Init = Switch(name, value) },
        _ => throw new EngineException(ErrorKind.InvalidArgument, $"the following directives don't match any configuration option: {name}"),
    };

    private static bool Switch(string name, string value) =>
        bool.TryParse(value, out bool result) ? result : throw new EngineException(ErrorKind.InvalidArgument, $"{name} must be true or false, got \"{value}\"");

    private DaemonOptions Validate()
    {
        foreach (string host in Hosts)
        {
            _ = ListenAddress.Parse(host);
        }

        return Hosts.Count == 0 ? this with { Hosts = [DefaultHost] } : this;
    }
}
