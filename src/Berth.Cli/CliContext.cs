using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli;

/// <summary>What a command works with: the engine and the standard streams.</summary>
internal sealed class CliContext : IDisposable
{
    private EngineClient? client;
    private ClientConfig? config;

    public required EngineEndpoint Endpoint { get; init; }

    /// <summary>From DOCKER_API_VERSION; null for the newest.</summary>
    public string? ApiVersion { get; init; }

    /// <summary>For an engine on TCP; null without TLS.</summary>
    public EngineTls? Tls { get; init; }

    public bool Debug { get; init; }

    /// <summary>The folder of this user's settings.</summary>
    public required string ConfigFolder { get; init; }

    /// <summary>The file of settings and credentials there; it need not exist.</summary>
    public string ConfigPath => Path.Combine(ConfigFolder, ClientConfig.FileName);

    /// <summary>The settings, read when they are first asked for. A file that cannot be read is told of, and sets nothing.</summary>
    public ClientConfig Config
    {
        get
        {
            try
            {
                return config ??= ClientConfig.Read(ConfigPath);
            }
            catch (CommandFailedException exception)
            {
                Warn("Error loading config file: " + exception.Message);
                return config = ClientConfig.Empty;
            }
        }
    }

    /// <summary>Where answers to questions are read from; null for the standard input, opened when there is a question.</summary>
    public Stream? Answers { get; init; }

    public required TextOutput Out { get; init; }

    public required TextOutput Error { get; init; }

    /// <summary>Writes a warning; what files, programs and servers said in it controls no terminal.</summary>
    public void Warn(string text)
    {
        Say("WARNING: " + text);
        Error.Flush();
    }

    /// <summary>Writes a line beside the command's output, cleaned like a warning.</summary>
    public void Say(string text) => Error.WriteLine(PrintableText.Lines(text));

    /// <summary>Connects at its first request.</summary>
    public EngineClient Client => client ??= new EngineClient(Endpoint, new EngineClientOptions { ApiVersion = ApiVersion ?? EngineClient.NewestApiVersion, BlockingIo = true, Tls = Tls });

    public void Dispose()
    {
        client?.Dispose();
        Tls?.Dispose();
    }
}
