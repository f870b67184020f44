using System.Text.Json;
using Berth.Engine.Upkeep;
using Berth.Model;
using Berth.Plugins;

namespace Berth.Daemon.Options;

/// <summary>What the daemon was told by its command line and daemon.json; the command line wins.</summary>
internal sealed partial record DaemonOptions
{
    public const string DefaultHost = "unix:///run/berth.sock";
    public const string DefaultConfigFile = Berth.Registry.RegistrySettings.DefaultFile;

    public string DataRoot { get; init; } = "/var/lib/berth";
    public string ExecRoot { get; init; } = "/run/berth";

    /// <summary>Addresses to listen on, <c>unix://PATH</c> or <c>tcp://HOST:PORT</c>; empty for <see cref="DefaultHost"/>.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];
    public string? PidFile { get; init; }
    public bool Debug { get; init; }

    /// <summary>Where plugins are found.</summary>
    public PluginOptions Plugins { get; init; } = new();

    /// <summary>Whether containers have an init unless they say otherwise.</summary>
    public bool Init { get; init; }

    /// <summary>How layers are kept: <c>overlay2</c>, <c>vfs</c>, or empty for what the data root was made with (overlay2 for a new one).</summary>
    public string StorageDriver { get; init; } = "";

    /// <summary>How much the data root may take before images go that were not used for the longest; null for no limit.</summary>
    public BudgetLimit? StorageBudget { get; init; }

    /// <summary>Whether nothing is served, but removed what the root's networks have in the kernel.</summary>
    public bool IsPurge { get; init; }

    public const string Usage = """
        Usage:  berthd [OPTIONS]

        The Berth daemon: serves the Docker Engine API and keeps containers and images.

        Options:
              --bip string           Address of the default network's bridge with its prefix length, which gives the subnet (default: one that is free)
              --bip6 string          The same of IPv6
          -b, --bridge string        Name of the default network's bridge: made by the daemon, or one that is there and keeps its addresses, which give
                                     the subnets; "none": there is no default network (default "berth0")
              --config-file string   Daemon configuration file (default "/etc/berth/daemon.json")
              --data-root string     Root folder of persistent state (default "/var/lib/berth")
          -D, --debug                Log more
              --default-address-pool list
                                     Where networks that name no subnet get theirs from: base=172.30.0.0/16,size=24
              --default-gateway ip   Where the default route of the default network's containers leads (default: to the bridge)
              --default-gateway-v6 ip
                                     The same of IPv6
              --default-network-opt DRIVER=OPTION=VALUE
                                     Option of networks of that driver that say nothing else
              --dns list             DNS server of containers that name none (default: the host's)
              --dns-opt list         Option of their resolv.conf
              --dns-search list      Domain that they search
              --exec-root string     Root folder of state that may vanish at a reboot (default "/run/berth")
              --fixed-cidr string    Part of the default network's subnet that addresses are given from
              --fixed-cidr-v6 string
                                     The same of IPv6
              --help                 Print usage
          -H, --host list            Address to listen on, unix://PATH or tcp://HOST:PORT (default "unix:///run/berth.sock")
              --host-gateway-ip list
                                     What "host-gateway" stands for in --add-host (default: the gateways of the default network)
              --http-proxy string    Proxy for registries that are spoken to in plain text (default: HTTP_PROXY of the environment)
              --https-proxy string   Proxy for the others (default: HTTPS_PROXY of the environment)
              --icc                  Let containers of the default network talk to each other (default true)
              --init                 Run an init in containers that say nothing about it; it forwards signals and reaps processes
              --insecure-registry list
                                     Registry (host, host:port or CIDR) whose certificate is not checked and that may be spoken to in plain text
              --ip ip                Address of the host that ports of the default network are published on (default 0.0.0.0)
              --ip-forward           Have the host forward packets: net.ipv4.ip_forward and its like of IPv6 (default true)
              --ip-masq              Give what leaves the default network the host's address (default true)
              --ipv6                 The default network has IPv6 too
              --max-concurrent-downloads int
                                     Layers that are received at a time (default 3)
              --max-concurrent-uploads int
                                     Layers that are sent at a time (default 5)
              --max-download-attempts int
                                     Times that a request, or a layer without progress, is tried (default 5)
              --mtu int              Bytes of a packet in the default network (default: the kernel's)
              --no-proxy string      Hosts that no proxy is used for, with commas between (default: NO_PROXY of the environment)
          -p, --pidfile string       File to write the daemon's process id to
              --plugin-folder string
                                     Folder in which plugins are looked for, in the place of /run/docker/plugins, /etc/docker/plugins and /usr/lib/docker/plugins
              --purge                Serve nothing: remove the bridges, links and rules of this data root from the kernel, and end. For the end of an
                                     installation: containers that still run lose their networks; the data stay. Refused while a daemon runs on the root
              --registry-certificates list
                                     Folder with a folder for each registry (HOST or HOST:PORT) that holds authorities (*.crt) and client certificates
                                     (*.cert, *.key) (default /etc/berth/certs.d and /etc/docker/certs.d)
              --registry-mirror list
                                     Mirror of docker.io (others: "registries" in the configuration file)
              --storage-budget string
                                     How much the data root may take, such as 20GB or 60% of its file system: beyond it, images go that no container was made
                                     from, that are not pinned ("berth image pin"), and that were not used for the longest (default: no limit)
          -s, --storage-driver string
                                     How layers are kept: overlay2 or vfs (default as the data root was made, overlay2 for a new one)
              --userland-proxy       Pass on what the kernel cannot translate for published ports: IPv6 to containers without it, and what comes from ::1
                                     (default true)
          -v, --version              Print version information and quit

        """;

    /// <summary>Reads the command line and the configuration file it names.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the option or the file's member that is not understood.</exception>
    public static DaemonOptions Parse(IReadOnlyList<string> args)
    {
        string? configFile = null;
        var overrides = new Dictionary<string, string>(StringComparer.Ordinal);
        var lists = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        bool isPurge = false;
        for (int i = 0; i < args.Count; i++)
        {
            (string name, string? value) = args[i].StartsWith("--", StringComparison.Ordinal) && args[i].IndexOf('=', StringComparison.Ordinal) is > 0 and int equals
                ? (args[i][..equals], args[i][(equals + 1)..])
                : (args[i], null);
            string Value() => value ?? (i + 1 < args.Count ? args[++i] : throw new EngineException(ErrorKind.InvalidArgument, $"flag needs an argument: {name}"));
            switch (name)
            {
                case "-H" or "--host":
                    AddTo("hosts", Value());
                    break;
                case "--dns" or "--dns-search":
                    AddTo(name[2..], Value());
                    break;
                case "--registry-mirror":
                    AddTo("registry-mirrors", Value());
                    break;
                case "--insecure-registry":
                    AddTo("insecure-registries", Value());
                    break;
                case "--registry-certificates":
                    AddTo(name[2..], Value());
                    break;
                case "--dns-opt" or "--default-address-pool" or "--default-network-opt" or "--host-gateway-ip":
                    AddTo(name[2..] + "s", Value());
                    break;
                case "--purge" when value is null:
                    isPurge = true;
                    break;
                case "--config-file":
                    configFile = Value();
                    break;
                case "-D":
                    overrides["debug"] = "true";
                    break;
                case "--debug" or "--init" or "--icc" or "--ip-masq" or "--ip-forward" or "--ipv6" or "--userland-proxy":
                    overrides[name[2..]] = value ?? "true";
                    break;
                case "--plugin-folder":
                    overrides[name[2..]] = Value();
                    break;
                case "-p" or "--pidfile":
                    overrides["pidfile"] = Value();
                    break;
                case "-s" or "--storage-driver":
                    overrides["storage-driver"] = Value();
                    break;
                case "-b":
                    overrides["bridge"] = Value();
                    break;
                case "--storage-budget" or "--data-root" or "--exec-root" or "--bridge" or "--bip" or "--bip6" or "--mtu" or "--ip" or "--fixed-cidr" or "--fixed-cidr-v6" or "--default-gateway" or "--default-gateway-v6"
                    or "--max-concurrent-downloads" or "--max-concurrent-uploads" or "--max-download-attempts" or "--http-proxy" or "--https-proxy" or "--no-proxy":
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

        foreach ((string name, List<string> values) in lists)
        {
            options = options.WithList(name, values);
        }

        return (options with { IsPurge = isPurge }).Validate();

        void AddTo(string name, string value)
        {
            if (!lists.TryGetValue(name, out List<string>? values))
            {
                lists[name] = values = [];
            }

            values.Add(value);
        }
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
                options = property.Name == "default-network-opts"
                    ? options.WithList(property.Name, [.. property.Value.EnumerateObject().SelectMany(static driver => driver.Value.EnumerateObject().Select(option => $"{driver.Name}={option.Name}={ToText(option.Value)}"))])
                    : property.Value.ValueKind == JsonValueKind.Array || property.Name == "hosts"
                    ? options.WithList(property.Name, [.. property.Value.EnumerateArray().Select(ToText)])
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
        "data-root" or "exec-root" or "pidfile" or "plugin-folder" when value.Length == 0 => throw new EngineException(ErrorKind.InvalidArgument, $"{name} must not be empty"),
        "data-root" => this with { DataRoot = Path.GetFullPath(value) },
        "exec-root" => this with { ExecRoot = Path.GetFullPath(value) },
        "plugin-folder" => this with { Plugins = new PluginOptions { SocketFolder = Path.GetFullPath(value), SpecFolders = [Path.GetFullPath(value)] } },
        "pidfile" => this with { PidFile = value },
        "storage-driver" => this with
        {
            StorageDriver = value is "" or "overlay2" or "vfs"
                ? value
                : throw new EngineException(ErrorKind.InvalidArgument, $"driver not supported: {value}; the storage drivers are overlay2 and vfs"),
        },
        "storage-budget" => this with { StorageBudget = value.Length == 0 ? null : BudgetLimit.Parse(value) },
        "debug" => this with { Debug = Switch(name, value) },
        "init" => this with { Init = Switch(name, value) },
        _ => WithRegistry(name, value),
    };

    private DaemonOptions WithList(string name, IReadOnlyList<string> values) => name switch
    {
        "hosts" => this with { Hosts = values },
        _ => WithRegistryList(name, values),
    };

    private static EngineException Unknown(string name) =>
        new(ErrorKind.InvalidArgument, $"the following directives don't match any configuration option: {name}");

    // A pool of addresses is an object in the file, and a text as on the command line from here on.
    private static string ToText(JsonElement element) => element.ValueKind == JsonValueKind.Object
        ? string.Join(',', element.EnumerateObject().Select(static member => $"{member.Name}={(member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : member.Value.GetRawText())}"))
        : element.GetString() ?? "";

    private static bool Switch(string name, string value) =>
        bool.TryParse(value, out bool result) ? result : throw new EngineException(ErrorKind.InvalidArgument, $"{name} must be true or false, got \"{value}\"");

    private DaemonOptions Validate()
    {
        foreach (string host in Hosts)
        {
            _ = ListenAddress.Parse(host);
        }

        Registries.Validate();
        return Hosts.Count == 0 ? this with { Hosts = [DefaultHost] } : this;
    }
}
