using System.Diagnostics;
using System.Globalization;
using System.Net;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>
/// A daemon in a network namespace of its own, where servers of this machine have addresses that are not loopback: nothing is exempt from checks there. It is told a folder for certificates, and a
/// configuration file.
/// </summary>
public sealed class OutsideFixture : IAsyncLifetime
{
    /// <summary>The address of the namespace's that servers are reached under.</summary>
    public const string Host = "198.18.77.1";

    private readonly List<NamespaceRelay> relays = [];
    private RunningDaemon? daemon;
    private int repositories;

    public RunningDaemon Daemon => daemon ?? throw new InvalidOperationException("the daemon was not started");

    public Cli Berth => Daemon.Client(Clients.Berth);

    /// <summary>The folder that <c>--registry-certificates</c> names.</summary>
    public string Certificates => Path.Combine(Daemon.Home, "certs");

    internal TestAuthority Authority { get; } = new();

    /// <summary>A repository that nobody else uses.</summary>
    public string NewRepository() => $"r/{Interlocked.Increment(ref repositories)}";

    /// <summary>Has a server of this machine reached from there, at the same port; host and port there.</summary>
    public string Expose(string address, string host = Host)
    {
        string port = address.Split(':')[1];
        relays.Add(new NamespaceRelay(Daemon.NamespacePath, IPAddress.Parse(host), int.Parse(port, CultureInfo.InvariantCulture)));
        return $"{host}:{port}";
    }

    /// <summary>A registry with a certificate of <see cref="Authority"/>.</summary>
    internal DockerRegistry StartTls(string more = "", string tls = "", params string[] names)
    {
        (string certificate, string key) = Authority.Issue("registry-" + Path.GetRandomFileName(), others: [Host, .. names]);
        return DockerRegistry.Start(more, $"  tls: {{ certificate: {certificate}, key: {key}{tls} }}");
    }

    /// <summary>What makes a registry want a user and a password.</summary>
    public async Task<string> UsersAsync(string user, string password)
    {
        string file = Path.Combine(Daemon.Home, "users-" + user);
        await using var session = new CliSession(new ProcessStartInfo("htpasswd", ["-nbBC", "4", user, password]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true });
        await File.WriteAllBytesAsync(file, (await session.WaitAsync()).Expect().OutputBytes);
        return $$"""auth: { htpasswd: { realm: berth, path: {{file}} } }""";
    }

    /// <summary>Puts a file into the folder of a host.</summary>
    public void Put(string host, string file, string name)
    {
        Directory.CreateDirectory(Path.Combine(Certificates, host));
        File.Copy(file, Path.Combine(Certificates, host, name), overwrite: true);
    }

    /// <summary>Starts the daemon anew, with other options and another configuration file.</summary>
    public async Task RestartAsync(string configuration = "{}", params string[] options)
    {
        Assert.Equal(0, await Daemon.StopAsync());
        await File.WriteAllTextAsync(ConfigFile, configuration);
        Daemon.Tell(["--bridge", "none", "--config-file", ConfigFile, "--registry-certificates", Certificates, .. options]);
        await Daemon.StartAsync();
    }

    /// <summary>Runs <c>berth</c> where the daemon is, with its folder of certificates, or an empty one, as the machine's own.</summary>
    internal async Task<CommandResult> RunThereAsync(bool hasCertificates, params string[] args)
    {
        const string Enter = """
            mount -t tmpfs tmpfs "$TOP" && mkdir "$TOP/upper" "$TOP/work" && mount -t overlay overlay -o "lowerdir=/etc,upperdir=$TOP/upper,workdir=$TOP/work" /etc || exit 99
            rm -rf /etc/berth /etc/docker/certs.d && mkdir /etc/berth && ln -s "$CERTIFICATES" /etc/berth/certs.d || exit 99
            exec "$0" "$@"
            """;
        string top = Directory.CreateDirectory(Path.Combine(Daemon.Home, "top")).FullName;
        ProcessStartInfo info = Berth.Describe("nsenter", ["--net=" + Daemon.NamespacePath, "unshare", "--mount", "--propagation", "private", "sh", "-c", Enter, Binaries.Berth, .. args]);
        info.Environment["TOP"] = top;
        info.Environment["CERTIFICATES"] = hasCertificates ? Certificates : Path.Combine(Daemon.Home, "nothing");
        await using var session = new CliSession(info);
        session.CloseInput();
        return await session.WaitAsync();
    }

    public async Task InitializeAsync()
    {
        daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork, "--bridge", "none");
        (await new HostNamespace(Daemon).RunAsync("ip", "address", "add", Host + "/32", "dev", "lo")).Expect();
    }

    public async Task DisposeAsync()
    {
        relays.ForEach(static relay => relay.Dispose());
        Authority.Dispose();
        if (daemon is null)
        {
            return;
        }

        await using RunningDaemon ending = daemon;
        await ending.RemoveEverythingAsync();
        Assert.Equal(0, await ending.StopAsync());
        await Leftovers.AssertNoneAsync(ending, imagesToo: true);
    }

    private string ConfigFile => Path.Combine(Daemon.Home, "daemon.json");
}
