using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>The body of every answer with a status of 400 or more.</summary>
public sealed record ErrorResponse
{
    [JsonPropertyName("message")]
    public string Message { get; set => field = value ?? ""; } = "";
}

/// <summary>Answer of <c>GET /version</c>.</summary>
public sealed record VersionResponse
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public VersionPlatform? Platform { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<VersionComponent>? Components { get; set; }

    public string Version { get; set => field = value ?? ""; } = "";
    public string ApiVersion { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MinAPIVersion { get; set; }

    public string GitCommit { get; set => field = value ?? ""; } = "";
    public string GoVersion { get; set => field = value ?? ""; } = "";
    public string Os { get; set => field = value ?? ""; } = "";
    public string Arch { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? KernelVersion { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Experimental { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BuildTime { get; set; }
}

/// <summary>The product's name.</summary>
public sealed record VersionPlatform
{
    public string Name { get; set => field = value ?? ""; } = "";
}

/// <summary>A part of the engine with its version.</summary>
public sealed record VersionComponent
{
    public string Name { get; set => field = value ?? ""; } = "";
    public string Version { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? Details { get; set; }
}

/// <summary>Answer of <c>GET /info</c>.</summary>
public sealed record SystemInfo
{
    public string ID { get; set => field = value ?? ""; } = "";
    public int Containers { get; set; }
    public int ContainersRunning { get; set; }
    public int ContainersPaused { get; set; }
    public int ContainersStopped { get; set; }
    public int Images { get; set; }
    public string Driver { get; set => field = value ?? ""; } = "";
    public List<List<string>>? DriverStatus { get; set; }
    public PluginsInfo Plugins { get; set => field = value ?? new PluginsInfo(); } = new();
    public bool MemoryLimit { get; set; }
    public bool SwapLimit { get; set; }
    public bool CpuCfsPeriod { get; set; }
    public bool CpuCfsQuota { get; set; }
    public bool CPUShares { get; set; }
    public bool CPUSet { get; set; }
    public bool PidsLimit { get; set; }
    public bool IPv4Forwarding { get; set; }
    public bool Debug { get; set; }
    public int NFd { get; set; }
    public bool OomKillDisable { get; set; }
    public int NGoroutines { get; set; }
    public string SystemTime { get; set => field = value ?? ""; } = "";
    public string LoggingDriver { get; set => field = value ?? ""; } = "";
    public string CgroupDriver { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? CgroupVersion { get; set; }

    public int NEventsListener { get; set; }
    public string KernelVersion { get; set => field = value ?? ""; } = "";
    public string OperatingSystem { get; set => field = value ?? ""; } = "";
    public string OSVersion { get; set => field = value ?? ""; } = "";
    public string OSType { get; set => field = value ?? ""; } = "";
    public string Architecture { get; set => field = value ?? ""; } = "";
    public string IndexServerAddress { get; set => field = value ?? ""; } = "";
    public RegistryConfigInfo? RegistryConfig { get; set; }
    public int NCPU { get; set; }

    /// <summary>Bytes.</summary>
    public long MemTotal { get; set; }

    public List<string>? GenericResources { get; set; }
    public string DockerRootDir { get; set => field = value ?? ""; } = "";
    public string HttpProxy { get; set => field = value ?? ""; } = "";
    public string HttpsProxy { get; set => field = value ?? ""; } = "";
    public string NoProxy { get; set => field = value ?? ""; } = "";
    public string Name { get; set => field = value ?? ""; } = "";
    public List<string> Labels { get; set => field = value ?? []; } = [];
    public bool ExperimentalBuild { get; set; }
    public string ServerVersion { get; set => field = value ?? ""; } = "";
    public Dictionary<string, RuntimeInfo> Runtimes { get; set => field = value ?? []; } = [];
    public string DefaultRuntime { get; set => field = value ?? ""; } = "";
    public SwarmInfo Swarm { get; set => field = value ?? new SwarmInfo(); } = new();
    public bool LiveRestoreEnabled { get; set; }
    public string Isolation { get; set => field = value ?? ""; } = "";
    public string InitBinary { get; set => field = value ?? ""; } = "";
    public CommitInfo ContainerdCommit { get; set => field = value ?? new CommitInfo(); } = new();
    public CommitInfo RuncCommit { get; set => field = value ?? new CommitInfo(); } = new();
    public CommitInfo InitCommit { get; set => field = value ?? new CommitInfo(); } = new();
    public List<string> SecurityOptions { get; set => field = value ?? []; } = [];

    /// <summary>Null unless the daemon was told some.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<AddressPoolInfo>? DefaultAddressPools { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public FirewallInfo? FirewallBackend { get; set; }

    [JsonPropertyName("CDISpecDirs")]
    public List<string> CdiSpecDirs { get; set => field = value ?? []; } = [];

    public List<string>? Warnings { get; set; }
}

/// <summary>Names of the drivers built in, by kind.</summary>
public sealed record PluginsInfo
{
    public List<string>? Volume { get; set; }
    public List<string>? Network { get; set; }
    public List<string>? Authorization { get; set; }
    public List<string>? Log { get; set; }
}

/// <summary>How registries are reached.</summary>
public sealed record RegistryConfigInfo
{
    [JsonPropertyName("InsecureRegistryCIDRs")]
    public List<string> InsecureRegistryCidrs { get; set => field = value ?? []; } = [];

    public Dictionary<string, IndexInfo> IndexConfigs { get; set => field = value ?? []; } = [];
    public List<string>? Mirrors { get; set; } = [];
}

/// <summary>One registry.</summary>
public sealed record IndexInfo
{
    public string Name { get; set => field = value ?? ""; } = "";
    public List<string>? Mirrors { get; set; } = [];
    public bool Secure { get; set; }
    public bool Official { get; set; }
}

/// <summary>A block that networks get their subnets from, and the prefix length of each.</summary>
public sealed record AddressPoolInfo
{
    public string Base { get; set => field = value ?? ""; } = "";
    public int Size { get; set; }
}

/// <summary>An OCI runtime by its executable.</summary>
public sealed record RuntimeInfo
{
    [JsonPropertyName("path")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Path { get; set; }

    [JsonPropertyName("runtimeArgs")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? Args { get; set; }
}

/// <summary>The swarm's state; always inactive in this engine.</summary>
public sealed record SwarmInfo
{
    public string NodeID { get; set => field = value ?? ""; } = "";
    public string NodeAddr { get; set => field = value ?? ""; } = "";
    public string LocalNodeState { get; set => field = value ?? ""; } = "inactive";
    public bool ControlAvailable { get; set; }
    public string Error { get; set => field = value ?? ""; } = "";
    public List<string>? RemoteManagers { get; set; }
}

/// <summary>The commit a part was built from.</summary>
public sealed record CommitInfo
{
    public string ID { get; set => field = value ?? ""; } = "";
}

/// <summary>Which firewall the networks use.</summary>
public sealed record FirewallInfo
{
    public string Driver { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<List<string>>? Info { get; set; }
}
