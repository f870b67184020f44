using Berth.Api;
using Berth.Cli.Archives;
using Berth.Cli.Registries;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary>
/// <c>--use-api-socket</c>: a container that can talk to the engine as its user does. The engine's socket is bound to where docker's clients look for it, and the credentials for
/// registries of <c>config.json</c> are copied in, unless the container is told of a configuration of its own.
/// </summary>
internal sealed class ApiSocket
{
    private const string Place = "/var/run/docker.sock";
    private const string ConfigFolder = "/run/secrets/docker";
    private const uint OwnerOnly = 0x180;
    private readonly byte[] config;

    private ApiSocket(byte[] config) => this.config = config;

    /// <summary>Adds to a request what the flag asks for.</summary>
    /// <exception cref="CommandFailedException">The engine is reached by no socket file, or the credentials cannot be read.</exception>
    public static ApiSocket AddTo(ContainerCreateRequest request, CliContext context)
    {
        string socket = context.Endpoint.UnixPath
            ?? throw new CommandFailedException($"flag --use-api-socket can only be used with unix sockets: docker endpoint {context.Endpoint.Text} incompatible", exitCode: 125);
        HostConfig host = request.HostConfig ??= new HostConfig();
        (host.Mounts ??= []).Add(new MountSpec { Type = "bind", Source = socket, Target = Place, BindOptions = new BindOptions() });
        if (request.Env?.Exists(static entry => entry.StartsWith("DOCKER_CONFIG=", StringComparison.Ordinal)) ?? false)
            return new ApiSocket([]);

        byte[] credentials = ReadCredentials(context.ConfigPath);
        if (credentials.Length > 0)
            (request.Env ??= []).Add("DOCKER_CONFIG=" + ConfigFolder);

        return new ApiSocket(credentials);
    }

    /// <summary>Copies the credentials into the new container, where there are any.</summary>
    /// <exception cref="CommandFailedException">The daemon refuses.</exception>
    public async Task CopyAsync(CliContext context, string container)
    {
        if (config.Length == 0)
            return;

        try
        {
            using var archive = new MemoryStream();
            var output = new TarOutput(archive);
            output.Begin(new TarEntry { Name = [.. System.Text.Encoding.UTF8.GetBytes(ConfigFolder), .. "/config.json"u8], Mode = OwnerOnly, Size = config.Length });
            output.Write(config);
            output.End();
            archive.Position = 0;
            await context.Client.PutContainerArchiveAsync(container, "/", archive, keepOwners: false);
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException($"injecting docker config.json into container failed: copying config.json into container failed: {exception.Message}", exitCode: 125);
        }
    }

    private static byte[] ReadCredentials(string file)
    {
        try
        {
            return RegistryCredentials.Open(file).Export();
        }
        catch (CommandFailedException exception)
        {
            throw new CommandFailedException("resolving credentials failed: " + exception.Message, exitCode: 125);
        }
    }
}
