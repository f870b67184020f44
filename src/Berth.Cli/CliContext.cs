using Berth.Cli.Terminal;
using Berth.Client;

namespace Berth.Cli;

/// <summary>What a command works with: the engine and the standard streams.</summary>
internal sealed class CliContext : IDisposable
{
    private EngineClient? client;

    public required EngineEndpoint Endpoint { get; init; }

    /// <summary>From DOCKER_API_VERSION; null for the newest.</summary>
    public string? ApiVersion { get; init; }

    /// <summary>For an engine on TCP; null without TLS.</summary>
    public EngineTls? Tls { get; init; }

    public bool Debug { get; init; }

    public ClientConfig Config { get; init; } = ClientConfig.Empty;

    /// <summary>Where answers to questions are read from; null for the standard input, opened when there is a question.</summary>
    public Stream? Answers { get; init; }

    public required TextOutput Out { get; init; }

    public required TextOutput Error { get; init; }

    /// <summary>Connects at its first request.</summary>
    public EngineClient Client => client ??= new EngineClient(Endpoint, new EngineClientOptions { ApiVersion = ApiVersion ?? EngineClient.NewestApiVersion, BlockingIo = true, Tls = Tls });

    public void Dispose()
    {
        client?.Dispose();
        Tls?.Dispose();
    }
}
