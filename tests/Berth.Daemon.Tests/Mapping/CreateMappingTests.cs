using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Daemon.Tests.Support;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Drivers;
using PortBinding = Berth.Engine.Networks.PortBinding;

namespace Berth.Daemon.Tests.Mapping;

public sealed class CreateMappingTests
{
    [Fact]
    public void An_image_is_enough()
    {
        Engine.Containers.ContainerConfig config = Map("""{"Image":"busybox"}""");
        Assert.Equal("busybox", config.Image);
        Assert.Equal(NetworkMode.Default, config.Host.Network);
        Assert.Equal(64 << 20, config.Host.ShmSize);
        Assert.Equal(("json-file", 3), (config.Host.Log.Driver, config.Host.Log.MaxFiles));
        Refusal.Of(ErrorKind.InvalidArgument, "Image", () => Map("{}"));
    }

    [Fact]
    public void What_was_asked_arrives()
    {
        Engine.Containers.ContainerConfig config = Map("""
            {"Image":"i","Cmd":["a"],"Entrypoint":"e","Env":["A=1","B"],"Tty":true,"Labels":{"l":"1"},"ExposedPorts":{"80/tcp":{}},"StopTimeout":3,
             "HostConfig":{"Privileged":true,"CapAdd":"NET_ADMIN","PidMode":"host","ConsoleSize":[24,80],"PidsLimit":9,"Tmpfs":{"/t":""},
                           "Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}]}}
            """);
        Assert.Equal(["e", "a"], config.CommandLine);
        Assert.Equal(["A=1", "B"], config.Env);
        Assert.Equal(3, config.StopTimeout);
        Assert.Equal(["80/tcp"], config.ExposedPorts!.Keys);
        Assert.True(config.Host is { Privileged: true, HostPid: true, HostIpc: false, Resources.PidsLimit: 9 });
        Assert.Equal(["NET_ADMIN"], config.Host.CapAdd!);
        Assert.Equal(new ConsoleSizeOption(24, 80), config.Host.ConsoleSize);
        Assert.Equal([new UlimitOption("nofile", 1, 2)], config.Host.Ulimits!);
    }

    [Theory]
    [InlineData("Volumes", """{"/data":{}}""")]
    [InlineData("NetworkDisabled", "true")]
    [InlineData("Invented", "1")]
    public void Unbuilt_members_are_refused_by_name(string name, string value) =>
        Refusal.Of(ErrorKind.NotImplemented, name, () => Map($$"""{"Image":"i","{{name}}":{{value}}}"""));

    [Theory]
    [InlineData("VolumeDriver", "\"local\"")]
    [InlineData("VolumesFrom", "[\"c\"]")]
    [InlineData("Mounts", """[{"Type":"volume","Target":"/a"}]""")]
    [InlineData("Mounts", """[{"Type":"tmpfs","Target":"/a"}]""")]
    [InlineData("Annotations", """{"a":"b"}""")]
    [InlineData("Cgroup", "\"x\"")]
    [InlineData("CgroupParent", "\"/x\"")]
    [InlineData("StorageOpt", """{"size":"1G"}""")]
    [InlineData("UsernsMode", "\"host\"")]
    [InlineData("Sysctls", """{"net.core.somaxconn":"1"}""")]
    [InlineData("KernelMemory", "1")]
    [InlineData("BlkioWeight", "10")]
    [InlineData("BlkioDeviceReadBps", """[{"Path":"/dev/sda","Rate":1}]""")]
    [InlineData("Devices", """[{"PathOnHost":"/dev/null"}]""")]
    [InlineData("DeviceCgroupRules", "[\"c 1:3 r\"]")]
    [InlineData("DeviceRequests", """[{"Count":-1}]""")]
    [InlineData("OomKillDisable", "true")]
    [InlineData("GroupAdd", "[\"wheel\"]")]
    [InlineData("CgroupnsMode", "\"host\"")]
    [InlineData("IpcMode", "\"container:a\"")]
    [InlineData("PidMode", "\"container:a\"")]
    [InlineData("UTSMode", "\"container:a\"")]
    [InlineData("Isolation", "\"hyperv\"")]
    [InlineData("Runtime", "\"runc\"")]
    [InlineData("MemorySwappiness", "10")]
    [InlineData("SecurityOpt", "[\"apparmor=mine\"]")]
    [InlineData("LogConfig", """{"Type":"syslog"}""")]
    [InlineData("Invented", "1")]
    public void Unbuilt_host_options_are_refused_by_name(string name, string value)
    {
        Refusal.Of(ErrorKind.NotImplemented, "HostConfig." + name, () => MapHost($$"""{"{{name}}":{{value}}}"""));
        Refusal.Of(ErrorKind.NotImplemented, "HostConfig.", () => Map($$$"""{"image":"i","hostconfig":{"{{{name}}}":{{{value}}} } }"""));
    }

    [Theory]
    [InlineData("SecurityOpt", "[\"bogus=1\"]", "invalid --security-opt 2: \"bogus=1\"")]
    [InlineData("SecurityOpt", "[\"bogus\"]", "invalid --security-opt 1: \"bogus\"")]
    [InlineData("LogConfig", """{"Type":"bogus"}""", "error looking up logging plugin bogus: plugin \"bogus\" not found")]
    public void What_docker_does_not_know_either_is_refused_in_its_words(string name, string value, string message) =>
        Refusal.Of(ErrorKind.InvalidArgument, message, () => MapHost($$"""{"{{name}}":{{value}}}"""));

    [Fact]
    public void A_real_clients_zero_values_are_accepted() => MapHost("""
        {"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},
         "AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[0,0],"CapAdd":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],
         "ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,
         "Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"BlkioWeight":0,"BlkioWeightDevice":[],"Devices":[],"DeviceRequests":null,"MemorySwappiness":-1,
         "OomKillDisable":false,"PidsLimit":0,"Ulimits":null,"MaskedPaths":null,"ReadonlyPaths":null}
        """);

    [Theory]
    [InlineData("", NetworkMode.Default, "default")]
    [InlineData("default", NetworkMode.Default, "default")]
    [InlineData("host", NetworkMode.Host, "host")]
    [InlineData("none", NetworkMode.None, "none")]
    [InlineData("container:web", NetworkMode.Container, "container:web")]
    public void Network_modes(string mode, NetworkMode expected, string text)
    {
        ContainerHostOptions host = MapHost($$"""{"NetworkMode":"{{mode}}"}""");
        Assert.Equal((expected, text), (host.Network, host.NetworkText));
    }

    [Fact]
    public void Network_options_arrive()
    {
        ContainerHostOptions host = MapHost("""
            {"NetworkMode":"mine","PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"},{"HostPort":"9000-9010"}],"53/udp":null},"PublishAllPorts":true,
             "Dns":["1.1.1.1"],"DnsSearch":["a.example"],"DnsOptions":["ndots:2"],"ExtraHosts":["a:10.0.0.1","b:host-gateway"]}
            """);
        Assert.Equal((NetworkMode.Named, "mine", true), (host.Network, host.NetworkText, host.PublishAllPorts));
        Assert.Equal(
            [
                new PortBinding(PortProtocol.Tcp, 80, "127.0.0.1", 8080, 8080),
                new PortBinding(PortProtocol.Tcp, 80, "", 9000, 9010),
                new PortBinding(PortProtocol.Udp, 53, "", 0, 0),
            ], host.PortBindings!);
        Assert.Equal(["1.1.1.1", "a.example", "ndots:2", "a:10.0.0.1", "b:host-gateway"], [.. host.Dns!, .. host.DnsSearch!, .. host.DnsOptions!, .. host.ExtraHosts!]);
    }

    [Theory]
    [InlineData("""{"NetworkMode":"container:"}""", "container:")]
    [InlineData("""{"PortBindings":{"0/tcp":[]}}""", "invalid port: 0/tcp")]
    [InlineData("""{"PortBindings":{"80/icmp":[]}}""", "invalid protocol: icmp")]
    [InlineData("""{"PortBindings":{"80":[{"HostPort":"9-8"}]}}""", "invalid port specification: \"9-8\"")]
    [InlineData("""{"PortBindings":{"80":[{"HostIp":"here"}]}}""", "invalid IP address: here")]
    [InlineData("""{"Dns":["one"]}""", "invalid IP address: one")]
    [InlineData("""{"ExtraHosts":["a"]}""", "bad format for add-host: \"a\"")]
    public void Wrong_network_options_are_refused(string host, string message) => Refusal.Of(ErrorKind.InvalidArgument, message, () => MapHost(host));

    [Fact]
    public void Endpoints_arrive()
    {
        EndpointConfig endpoint = Assert.Single(NetworkMapping.MapEndpoints(JsonSerializer.Deserialize("""
            {"NetworkingConfig":{"EndpointsConfig":{"mine":{"Aliases":["a"],"Links":["x:y"],"IPAMConfig":{"IPv4Address":"10.0.0.2","IPv6Address":"fd00::2"},"MacAddress":"02:42:ac:11:00:02",
             "DriverOpts":{"com.docker.network.endpoint.sysctls":"net.ipv4.conf.IFNAME.log_martians=1"},"GwPriority":3}}}}
            """, ApiJson.Context.ContainerCreateRequest)!));
        Assert.Equal(("mine", "10.0.0.2", "fd00::2", "02:42:ac:11:00:02", 3), (endpoint.Network, endpoint.IPv4, endpoint.IPv6, endpoint.Mac, endpoint.GatewayPriority));
        Assert.Equal(["a", "x:y"], [.. endpoint.Aliases, .. endpoint.Links]);
    }

    [Fact]
    public void A_health_probe_is_taken_as_it_is()
    {
        Assert.Equal(["CMD", "true"], Map("""{"Image":"i","Healthcheck":{"Test":["CMD","true"],"Retries":2}}""").Healthcheck!.Test);
        Refusal.Of(ErrorKind.InvalidArgument, "Unknown type 'ODD'", () => Map("""{"Image":"i","Healthcheck":{"Test":["ODD","true"]}}"""));
    }

    [Theory]
    [InlineData("10m", 10_000_000)]
    [InlineData("10MB", 10_000_000)]
    [InlineData("2k", 2_000)]
    [InlineData("1g", 1_000_000_000)]
    [InlineData("512", 512)]
    [InlineData("10b", 10)]
    [InlineData("10 kib", 10_000)]
    [InlineData("1.5m", 1_500_000)]
    [InlineData("1T", 1_000_000_000_000)]
    public void Log_sizes(string text, long expected) => Assert.Equal(expected, MapLog("max-size", text).MaxBytes);

    [Theory]
    [InlineData("max-size", "0")]
    [InlineData("max-size", "-1")]
    [InlineData("max-size", "")]
    [InlineData("max-size", "m")]
    [InlineData("max-size", ".5m")]
    [InlineData("max-size", "5.")]
    [InlineData("max-size", "+5")]
    [InlineData("max-size", "1e3")]
    [InlineData("max-size", "10mm")]
    [InlineData("max-size", " 10m")]
    [InlineData("max-size", "10  m")]
    [InlineData("max-size", "0.5")]
    [InlineData("max-size", "99999999999999999g")]
    [InlineData("max-file", "0")]
    [InlineData("max-file", "1001")]
    [InlineData("max-file", "x")]
    [InlineData("colour", "red")]
    public void Wrong_log_options_are_refused_by_name(string name, string value) => Refusal.Of(ErrorKind.InvalidArgument, name, () => MapLog(name, value));

    [Fact]
    public void A_malformed_log_size_is_told_in_dockers_words()
    {
        Refusal.Of(ErrorKind.InvalidArgument, "invalid size: '10bb'", () => MapLog("max-size", "10bb"));
        Refusal.Of(ErrorKind.InvalidArgument, "max-size must be a positive number", () => MapLog("max-size", "0k"));
    }

    [Fact]
    public void Log_options_that_are_not_built_are_refused_by_name()
    {
        Refusal.Of(ErrorKind.NotImplemented, "LogConfig.Config.compress", () => MapLog("compress", "true"));
        Refusal.Of(ErrorKind.NotImplemented, "LogConfig.Config.mode", () => MapLog("mode", "non-blocking"));
        MapLog("mode", "blocking");
    }

    [Fact]
    public void What_is_only_told_again_is_kept()
    {
        Engine.Containers.ContainerConfig config = Map("""{"Image":"i","OnBuild":["RUN x"],"ArgsEscaped":true,"Healthcheck":{"Test":["NONE"]},"HostConfig":{"ContainerIDFile":"/tmp/id"}}""");
        Assert.Equal(["RUN x"], config.OnBuild!);
        Assert.Equal((true, true, "/tmp/id"), (config.ArgsEscaped, config.Healthcheck is { Test: ["NONE"] }, config.Host.ContainerIdFile));
    }

    [Theory]
    [InlineData("""{"none":{"Links":[],"Aliases":[],"DriverOpts":{},"IPAMConfig":{},"MacAddress":"","GwPriority":0,"DNSNames":null}}""")]
    [InlineData("""{"none":null}""")]
    [InlineData("""{"none":{"IPAMConfig":{"IPv4Address":"","LinkLocalIPs":[]},"IPAddress":"10.0.0.2"}}""")]
    public void Endpoints_of_empty_lists_and_of_state_are_accepted(string endpoints) => Map($$$"""{"Image":"i","NetworkingConfig":{"EndpointsConfig":{{{endpoints}}} } }""");

    [Theory]
    [InlineData("Invented", "1")]
    [InlineData("IPAMConfig", """{"Invented":"1"}""")]
    public void Endpoint_options_are_refused_by_name(string name, string value) => Refusal.Of(
        ErrorKind.NotImplemented, "EndpointsConfig.none." + name, () => Map($$$"""{"Image":"i","NetworkingConfig":{"EndpointsConfig":{"none":{"{{{name}}}":{{{value}}} } } } }"""));

    [Fact]
    public void Contradictions_are_refused()
    {
        Refusal.Of(ErrorKind.InvalidArgument, "hostname and the UTS mode", () => Map("""{"Image":"i","Hostname":"h","HostConfig":{"UTSMode":"host"}}"""));
        Refusal.Of(ErrorKind.InvalidArgument, "maximum retry count", () => MapHost("""{"RestartPolicy":{"Name":"no","MaximumRetryCount":2}}"""));
        Refusal.Of(ErrorKind.InvalidArgument, "Interval in Healthcheck cannot be less than 1ms", () => Map("""{"Image":"i","Healthcheck":{"Interval":5}}"""));
        Refusal.Of(ErrorKind.InvalidArgument, "can't create 'AutoRemove' container with restart policy", () => MapHost("""{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}"""));
        Refusal.Of(ErrorKind.InvalidArgument, "invalid restart policy 'odd'", () => MapHost("""{"RestartPolicy":{"Name":"odd"}}"""));
        Refusal.Of(ErrorKind.InvalidArgument, "Minimum memory limit allowed is 6MB", () => MapHost("""{"Memory":1000}"""));
    }

    [Fact]
    public void Log_files_and_drivers()
    {
        Assert.Equal(7, MapLog("max-file", "7").MaxFiles);
        Assert.Equal("none", MapHost("""{"LogConfig":{"Type":"none"}}""").Log.Driver);
    }

    [Theory]
    [InlineData("""{"ShmSize":-1}""", "SHM")]
    [InlineData("""{"OomScoreAdj":1001}""", "1001")]
    [InlineData("""{"Ulimits":[{"Name":"wings","Soft":1,"Hard":1}]}""", "wings")]
    [InlineData("""{"Ulimits":[{"Name":"nofile","Soft":3,"Hard":2}]}""", "3 > 2")]
    [InlineData("""{"Ulimits":[{"Name":"nofile","Soft":-1,"Hard":2}]}""", "-1 > 2")]
    public void Values_out_of_range_are_refused(string host, string part) => Refusal.Of(ErrorKind.InvalidArgument, part, () => MapHost(host));

    [Theory]
    [InlineData("")]
    [InlineData("=x")]
    [InlineData("A=\\u0000")]
    public void Broken_environments_are_refused(string entry) =>
        Refusal.Of(ErrorKind.InvalidArgument, "invalid environment variable", () => Map($$"""{"Image":"i","Env":["{{entry}}"]}"""));

    private static LogOptions MapLog(string name, string value) => MapHost($$$"""{"LogConfig":{"Type":"json-file","Config":{"{{{name}}}":"{{{value}}}"} } }""").Log;

    private static ContainerHostOptions MapHost(string host) => Map($$$"""{"Image":"i","HostConfig":{{{host}}} }""").Host;

    private static Engine.Containers.ContainerConfig Map(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        ContainerCreateRequest request = document.RootElement.Deserialize(ApiJson.Context.ContainerCreateRequest)!; // only null makes null
        return CreateMapping.Map(request, document.RootElement, ApiVersion.Current);
    }
}
