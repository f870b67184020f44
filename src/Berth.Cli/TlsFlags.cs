using Berth.Cli.Flags;
using Berth.Client;

namespace Berth.Cli;

/// <summary>
/// The global flags about TLS, and docker's variables for them: DOCKER_TLS, DOCKER_TLS_VERIFY (any value but an empty one), DOCKER_CERT_PATH. They count for
/// hosts on TCP.
/// </summary>
internal sealed class TlsFlags
{
    private readonly FlagSet flags;
    private bool wanted = IsSet("DOCKER_TLS");
    private bool verified = IsSet("DOCKER_TLS_VERIFY");
    private string? authority;
    private string? certificate;
    private string? key;

    public TlsFlags(FlagSet flags)
    {
        this.flags = flags;
        flags.Switch("tls", null, "Use TLS; implied by --tlsverify", value => wanted = value);
        flags.Text("tlscacert", null, "Trust certs signed only by this CA (default ca.pem in DOCKER_CERT_PATH, the folder of --config or ~/.docker)", value => authority = value);
        flags.Text("tlscert", null, "Path to TLS certificate file (default cert.pem there, if it exists)", value => certificate = value);
        flags.Text("tlskey", null, "Path to TLS key file (default key.pem there, if it exists)", value => key = value);
        flags.Switch("tlsverify", null, "Use TLS and verify the remote", value => verified = value);
    }

    /// <summary>Whether TLS is spoken; --tlsverify asks for it even as --tlsverify=false.</summary>
    public bool IsWanted => wanted || verified || flags.Changed("tlsverify");

    /// <summary>Reads the files; null when TLS is not wanted.</summary>
    /// <exception cref="Model.EngineException">A file cannot be read.</exception>
    public EngineTls? Load(string configFolder)
    {
        if (!IsWanted)
            return null;

        string folder = Environment.GetEnvironmentVariable("DOCKER_CERT_PATH") is { Length: > 0 } path ? path : configFolder;
        return EngineTls.Load(
            verified ? authority ?? Path.Combine(folder, "ca.pem") : null, certificate ?? Existing(folder, "cert.pem"), key ?? Existing(folder, "key.pem"));
    }

    private static string? Existing(string folder, string name) => Path.Combine(folder, name) is var path && File.Exists(path) ? path : null;

    private static bool IsSet(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));
}
