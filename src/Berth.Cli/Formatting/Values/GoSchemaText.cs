namespace Berth.Cli.Formatting.Values;

/// <summary>The types of <see cref="GoSchema"/> as text: read only when a format needs them, free of cost otherwise.</summary>
internal static class GoSchemaText
{
    /// <summary>Containers, images, networks and volumes, separated by empty lines.</summary>
    public const string Objects = """
        container.InspectResponse +*container.ContainerJSONBase Mounts:[]container.MountPoint Config:*container.Config
        NetworkSettings:*container.NetworkSettings ImageManifestDescriptor:*v1.Descriptor?

        container.ContainerJSONBase ID=Id:string Created:string Path:string Args:[]string State:*container.State Image:string ResolvConfPath:string
        HostnamePath:string HostsPath:string LogPath:string Name:string RestartCount:int Driver:string Platform:string MountLabel:string
        ProcessLabel:string AppArmorProfile:string ExecIDs:[]string HostConfig:*container.HostConfig GraphDriver:storage.DriverData SizeRw:*int64?
        SizeRootFs:*int64?

        container.State Status:string Running:bool Paused:bool Restarting:bool OOMKilled:bool Dead:bool Pid:int ExitCode:int Error:string
        StartedAt:string FinishedAt:string Health:*container.Health?

        container.Health Status:string FailingStreak:int Log:[]*container.HealthcheckResult

        container.HealthcheckResult Start:time.Time End:time.Time ExitCode:int Output:string

        container.HostConfig Binds:[]string ContainerIDFile:string LogConfig:container.LogConfig NetworkMode:container.NetworkMode
        PortBindings:nat.PortMap RestartPolicy:container.RestartPolicy AutoRemove:bool VolumeDriver:string VolumesFrom:[]string ConsoleSize:[2]uint
        Annotations:map[string]string? CapAdd:strslice.StrSlice CapDrop:strslice.StrSlice CgroupnsMode:container.CgroupnsMode DNS=Dns:[]string
        DNSOptions=DnsOptions:[]string DNSSearch=DnsSearch:[]string ExtraHosts:[]string GroupAdd:[]string IpcMode:container.IpcMode
        Cgroup:container.CgroupSpec Links:[]string OomScoreAdj:int PidMode:container.PidMode Privileged:bool PublishAllPorts:bool
        ReadonlyRootfs:bool SecurityOpt:[]string StorageOpt:map[string]string? Tmpfs:map[string]string? UTSMode:container.UTSMode
        UsernsMode:container.UsernsMode ShmSize:int64 Sysctls:map[string]string? Runtime:string? Isolation:container.Isolation
        +container.Resources Mounts:[]mount.Mount? MaskedPaths:[]string ReadonlyPaths:[]string Init:*bool?

        container.LogConfig Type:string Config:map[string]string

        container.RestartPolicy Name:container.RestartPolicyMode MaximumRetryCount:int

        container.Resources CPUShares=CpuShares:int64 Memory:int64 NanoCPUs=NanoCpus:int64 CgroupParent:string BlkioWeight:uint16
        BlkioWeightDevice:[]*blkiodev.WeightDevice BlkioDeviceReadBps:[]*blkiodev.ThrottleDevice BlkioDeviceWriteBps:[]*blkiodev.ThrottleDevice
        BlkioDeviceReadIOps:[]*blkiodev.ThrottleDevice BlkioDeviceWriteIOps:[]*blkiodev.ThrottleDevice CPUPeriod=CpuPeriod:int64
        CPUQuota=CpuQuota:int64 CPURealtimePeriod=CpuRealtimePeriod:int64 CPURealtimeRuntime=CpuRealtimeRuntime:int64 CpusetCpus:string
        CpusetMems:string Devices:[]container.DeviceMapping DeviceCgroupRules:[]string DeviceRequests:[]container.DeviceRequest
        KernelMemory:int64? KernelMemoryTCP:int64? MemoryReservation:int64 MemorySwap:int64 MemorySwappiness:*int64 OomKillDisable:*bool
        PidsLimit:*int64 Ulimits:[]*units.Ulimit CPUCount=CpuCount:int64 CPUPercent=CpuPercent:int64 IOMaximumIOps:uint64
        IOMaximumBandwidth:uint64

        nat.PortMap = map[nat.Port][]nat.PortBinding

        nat.PortSet = map[nat.Port]struct{}

        nat.PortBinding HostIP=HostIp:string HostPort:string

        strslice.StrSlice = []string

        blkiodev.WeightDevice Path:string Weight:uint16

        blkiodev.ThrottleDevice Path:string Rate:uint64

        container.DeviceMapping PathOnHost:string PathInContainer:string CgroupPermissions:string

        container.DeviceRequest Driver:string Count:int DeviceIDs:[]string Capabilities:[][]string Options:map[string]string

        units.Ulimit Name:string Hard:int64 Soft:int64

        mount.Mount Type:mount.Type? Source:string? Target:string? ReadOnly:bool? Consistency:mount.Consistency? BindOptions:*mount.BindOptions?
        VolumeOptions:*mount.VolumeOptions? ImageOptions:*mount.ImageOptions? TmpfsOptions:*mount.TmpfsOptions? ClusterOptions:*struct{}?

        mount.BindOptions Propagation:mount.Propagation? NonRecursive:bool? CreateMountpoint:bool? ReadOnlyNonRecursive:bool?
        ReadOnlyForceRecursive:bool?

        mount.VolumeOptions NoCopy:bool? Labels:map[string]string? Subpath:string? DriverConfig:*mount.Driver?

        mount.Driver Name:string? Options:map[string]string?

        mount.ImageOptions Subpath:string?

        mount.TmpfsOptions SizeBytes:int64? Mode:fs.FileMode? Options:[][]string?

        storage.DriverData Data:map[string]string Name:string

        container.MountPoint Type:mount.Type? Name:string? Source:string Destination:string Driver:string? Mode:string RW:bool
        Propagation:mount.Propagation

        container.Config Hostname:string Domainname:string User:string AttachStdin:bool AttachStdout:bool AttachStderr:bool
        ExposedPorts:nat.PortSet? Tty:bool OpenStdin:bool StdinOnce:bool Env:[]string Cmd:strslice.StrSlice Healthcheck:*v1.HealthcheckConfig?
        ArgsEscaped:bool? Image:string Volumes:map[string]struct{} WorkingDir:string Entrypoint:strslice.StrSlice NetworkDisabled:bool?
        MacAddress:string? OnBuild:[]string Labels:map[string]string StopSignal:string? StopTimeout:*int? Shell:strslice.StrSlice?

        v1.HealthcheckConfig Test:[]string? Interval:time.Duration? Timeout:time.Duration? StartPeriod:time.Duration?
        StartInterval:time.Duration? Retries:int?

        container.NetworkSettings +container.NetworkSettingsBase +container.DefaultNetworkSettings Networks:map[string]*network.EndpointSettings

        container.NetworkSettingsBase Bridge:string SandboxID:string SandboxKey:string Ports:nat.PortMap HairpinMode:bool
        LinkLocalIPv6Address:string LinkLocalIPv6PrefixLen:int SecondaryIPAddresses:[]network.Address SecondaryIPv6Addresses:[]network.Address

        network.Address Addr:string PrefixLen:int

        container.DefaultNetworkSettings EndpointID:string Gateway:string GlobalIPv6Address:string GlobalIPv6PrefixLen:int IPAddress:string
        IPPrefixLen:int IPv6Gateway:string MacAddress:string

        network.EndpointSettings IPAMConfig:*network.EndpointIPAMConfig Links:[]string Aliases:[]string MacAddress:string
        DriverOpts:map[string]string GwPriority:int NetworkID:string EndpointID:string Gateway:string IPAddress:string IPPrefixLen:int
        IPv6Gateway:string GlobalIPv6Address:string GlobalIPv6PrefixLen:int DNSNames:[]string

        network.EndpointIPAMConfig IPv4Address:string? IPv6Address:string? LinkLocalIPs:[]string?

        v1.Descriptor MediaType=mediaType:string Digest=digest:digest.Digest Size=size:int64 URLs=urls:[]string? Annotations=annotations:map[string]string?
        Data=data:[]uint8? Platform=platform:*v1.Platform? ArtifactType=artifactType:string?

        v1.Platform Architecture=architecture:string OS=os:string OSVersion=os.version:string? OSFeatures=os.features:[]string? Variant=variant:string?

        image.InspectResponse ID=Id:string RepoTags:[]string RepoDigests:[]string Parent:string Comment:string Created:string? Container:string?
        ContainerConfig:*container.Config? DockerVersion:string Author:string Config:*v1.DockerOCIImageConfig Architecture:string Variant:string?
        Os:string OsVersion:string? Size:int64 VirtualSize:int64? GraphDriver:storage.DriverData RootFS:image.RootFS Metadata:image.Metadata
        Descriptor:*v1.Descriptor? Manifests:[]image.ManifestSummary?

        v1.DockerOCIImageConfig +v1.ImageConfig +v1.DockerOCIImageConfigExt

        v1.ImageConfig User:string? ExposedPorts:map[string]struct{}? Env:[]string? Entrypoint:[]string? Cmd:[]string? Volumes:map[string]struct{}?
        WorkingDir:string? Labels:map[string]string? StopSignal:string? ArgsEscaped:bool?

        v1.DockerOCIImageConfigExt Healthcheck:*v1.HealthcheckConfig? OnBuild:[]string? Shell:[]string?

        image.RootFS Type:string? Layers:[]string?

        image.Metadata LastTagTime:time.Time?

        image.ManifestSummary ID:string Descriptor:v1.Descriptor Available:bool Size:image.manifestSize Kind:image.ManifestKind
        ImageData:*image.ImageProperties? AttestationData:*image.AttestationProperties?

        image.manifestSize Content:int64 Total:int64

        image.ImageProperties Platform:v1.Platform Size:image.unpackedSize Containers:[]string

        image.unpackedSize Unpacked:int64

        image.AttestationProperties For:digest.Digest

        network.Inspect Name:string ID=Id:string Created:time.Time Scope:string Driver:string EnableIPv4:bool EnableIPv6:bool IPAM:network.IPAM
        Internal:bool Attachable:bool Ingress:bool ConfigFrom:network.ConfigReference ConfigOnly:bool
        Containers:map[string]network.EndpointResource Options:map[string]string Labels:map[string]string Peers:[]network.PeerInfo?
        Services:map[string]network.ServiceInfo?

        network.IPAM Driver:string Options:map[string]string Config:[]network.IPAMConfig

        network.IPAMConfig Subnet:string? IPRange:string? Gateway:string? AuxAddress=AuxiliaryAddresses:map[string]string?

        network.ConfigReference Network:string

        network.EndpointResource Name:string EndpointID:string MacAddress:string IPv4Address:string IPv6Address:string

        network.PeerInfo Name:string IP:string

        network.ServiceInfo VIP:string Ports:[]string LocalLBIndex:int Tasks:[]network.Task

        network.Task Name:string EndpointID:string EndpointIP:string Info:map[string]string

        volume.Volume ClusterVolume:*volume.ClusterVolume? CreatedAt:string? Driver:string Labels:map[string]string Mountpoint:string Name:string
        Options:map[string]string Scope:string Status:map[string]any? UsageData:*volume.UsageData?

        volume.UsageData RefCount:int64 Size:int64

        volume.ClusterVolume ID:string +swarm.Meta Spec:volume.ClusterVolumeSpec PublishStatus:[]*volume.PublishStatus? Info:*volume.Info?

        swarm.Meta Version:swarm.Version CreatedAt:time.Time UpdatedAt:time.Time

        swarm.Version Index:uint64?

        volume.ClusterVolumeSpec Group:string? AccessMode:*volume.AccessMode? AccessibilityRequirements:*volume.TopologyRequirement?
        CapacityRange:*volume.CapacityRange? Secrets:[]volume.Secret? Availability:volume.Availability?

        volume.AccessMode Scope:volume.Scope? Sharing:volume.SharingMode? MountVolume:*volume.TypeMount? BlockVolume:*struct{}?

        volume.TypeMount FsType:string? MountFlags:[]string?

        volume.TopologyRequirement Requisite:[]volume.Topology? Preferred:[]volume.Topology?

        volume.Topology Segments:map[string]string?

        volume.CapacityRange RequiredBytes:int64 LimitBytes:int64

        volume.Secret Key:string? Secret:string?

        volume.PublishStatus NodeID:string? State:volume.PublishState? PublishContext:map[string]string?

        volume.Info CapacityBytes:int64? VolumeContext:map[string]string? VolumeID:string? AccessibleTopology:[]volume.Topology?
        """;

    /// <summary>What <c>info</c> and <c>version</c> show, separated by empty lines.</summary>
    public const string Engine = """
        system.dockerInfo +*system.Info ServerErrors:[]string? UserName=-:string ClientInfo:*system.clientInfo? ClientErrors:[]string?

        system.clientInfo Debug:bool +system.clientVersion Plugins:[]any Warnings:[]string

        system.Info ID:string Containers:int ContainersRunning:int ContainersPaused:int ContainersStopped:int Images:int Driver:string
        DriverStatus:[][2]string SystemStatus:[][2]string? Plugins:system.PluginsInfo MemoryLimit:bool SwapLimit:bool KernelMemory:bool?
        KernelMemoryTCP:bool? CPUCfsPeriod=CpuCfsPeriod:bool CPUCfsQuota=CpuCfsQuota:bool CPUShares:bool CPUSet:bool PidsLimit:bool
        IPv4Forwarding:bool Debug:bool NFd:int OomKillDisable:bool NGoroutines:int SystemTime:string LoggingDriver:string CgroupDriver:string
        CgroupVersion:string? NEventsListener:int KernelVersion:string OperatingSystem:string OSVersion:string OSType:string Architecture:string
        IndexServerAddress:string RegistryConfig:*registry.ServiceConfig NCPU:int MemTotal:int64 GenericResources:[]swarm.GenericResource
        DockerRootDir:string HTTPProxy=HttpProxy:string HTTPSProxy=HttpsProxy:string NoProxy:string Name:string Labels:[]string
        ExperimentalBuild:bool ServerVersion:string Runtimes:map[string]system.RuntimeWithStatus DefaultRuntime:string Swarm:swarm.Info
        LiveRestoreEnabled:bool Isolation:container.Isolation InitBinary:string ContainerdCommit:system.Commit RuncCommit:system.Commit
        InitCommit:system.Commit SecurityOptions:[]string ProductLicense:string? DefaultAddressPools:[]system.NetworkAddressPool?
        FirewallBackend:*system.FirewallInfo? CDISpecDirs:[]string DiscoveredDevices:[]system.DeviceInfo? Containerd:*system.ContainerdInfo?
        Warnings:[]string

        system.PluginsInfo Volume:[]string Network:[]string Authorization:[]string Log:[]string

        registry.ServiceConfig AllowNondistributableArtifactsCIDRs:[]registry.NetIPNet? AllowNondistributableArtifactsHostnames:[]string?
        InsecureRegistryCIDRs:[]registry.NetIPNet IndexConfigs:map[string]*registry.IndexInfo Mirrors:[]string ExtraFields=-:map[string]any

        registry.IndexInfo Name:string Mirrors:[]string Secure:bool Official:bool

        swarm.GenericResource NamedResourceSpec:*swarm.NamedGenericResource? DiscreteResourceSpec:*swarm.DiscreteGenericResource?

        swarm.NamedGenericResource Kind:string? Value:string?

        swarm.DiscreteGenericResource Kind:string? Value:int64?

        system.RuntimeWithStatus +system.Runtime Status=status:map[string]string?

        system.Runtime Path=path:string? Args=runtimeArgs:[]string? Type=runtimeType:string? Options=options:map[string]any?

        swarm.Info NodeID:string NodeAddr:string LocalNodeState:swarm.LocalNodeState ControlAvailable:bool Error:string RemoteManagers:[]swarm.Peer
        Nodes:int? Managers:int? Cluster:any? Warnings:[]string?

        swarm.Peer NodeID:string Addr:string

        system.Commit ID:string Expected:string?

        system.NetworkAddressPool Base:string Size:int

        system.FirewallInfo Driver:string Info:[][2]string?

        system.DeviceInfo Source:string ID:string

        system.ContainerdInfo Address:string? Namespaces:system.ContainerdNamespaces

        system.ContainerdNamespaces Containers:string Plugins:string

        system.versionInfo Client:system.clientVersion Server:*types.Version

        system.clientVersion Platform:*system.platformInfo? Version:string? APIVersion=ApiVersion:string? DefaultAPIVersion:string?
        GitCommit:string? GoVersion:string? Os:string? Arch:string? BuildTime:string? Context:string

        system.platformInfo Name:string?

        types.Version Platform:types.platform Components:[]types.ComponentVersion? Version:string APIVersion=ApiVersion:string
        MinAPIVersion:string? GitCommit:string GoVersion:string Os:string Arch:string KernelVersion:string? Experimental:bool? BuildTime:string?

        types.platform Name:string

        events.Message Status=status:string? ID=id:string? From=from:string? Type:events.Type Action:events.Action Actor:events.Actor
        Scope=scope:string? Time=time:int64? TimeNano=timeNano:int64?

        events.Actor ID:string Attributes:map[string]string

        types.ComponentVersion Name:string Version:string Details:map[string]string?
        """;
}
