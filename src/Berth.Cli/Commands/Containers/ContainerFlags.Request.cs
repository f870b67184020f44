using System.Text;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;

namespace Berth.Cli.Commands.Containers;

internal sealed partial class ContainerFlags
{
    /// <summary>The request for an image and a command line; reads the files that flags name.</summary>
    /// <exception cref="CommandFailedException">Flags contradict each other, or a file cannot be read; no status is implied.</exception>
    public ContainerCreateRequest ToRequest(IReadOnlyList<string> arguments)
    {
        if (host.AutoRemove && host.RestartPolicy.Name is not ("" or "no"))
            throw new CommandFailedException("conflicting options: cannot specify both --restart and --rm", exitCode: 125);

        config.Image = arguments[0];
        config.Cmd = arguments.Count > 1 ? [.. arguments.Skip(1)] : null;
        config.Entrypoint = entrypoint is null ? null : [entrypoint];
        config.AttachStdin = attach.Contains("stdin") || (attach.Count == 0 && config.OpenStdin);
        config.AttachStdout = attach.Count == 0 || attach.Contains("stdout");
        config.AttachStderr = attach.Count == 0 || attach.Contains("stderr");
        config.StdinOnce = config is { OpenStdin: true, AttachStdin: true };
        config.Env = KeyValueFiles.Read(environmentFiles, environment, Environment.GetEnvironmentVariable);
        config.Labels = Values.Map(KeyValueFiles.Read(labelFiles, labels, _ => ""));
        SetHealth();
        SetHost();
        config.HostConfig = host;
        config.NetworkingConfig = new NetworkingConfig { EndpointsConfig = [] };
        return config;
    }

    private void SetHealth()
    {
        bool any = health.Test is not null || health.Interval != 0 || health.Timeout != 0 || health.StartPeriod != 0 || health.Retries != 0;
        if (noHealthcheck && any)
            throw new CommandFailedException("--no-healthcheck conflicts with --health-* options", exitCode: 125);

        if (noHealthcheck)
            config.Healthcheck = new HealthConfig { Test = ["NONE"] };
        else if (any)
            config.Healthcheck = health;
    }

    private void SetHost()
    {
        if (networks.Count > 1)
            throw new CommandFailedException("--network can be given once: several networks are not supported yet", exitCode: 125);

        if (networks.Count == 1)
            host.NetworkMode = networks[0];

        if (config.Tty && TerminalSize.Current is { } size)
            host.ConsoleSize = [size.Rows, size.Columns];

        host.LogConfig.Config = Values.Map(logOptions);
        host.Sysctls = sysctls.Count > 0 ? Values.Map(sysctls) : null;
        host.StorageOpt = storageOptions.Count > 0 ? Values.Map(storageOptions) : null;
        host.Links = links.Count > 0 ? links : null;
        host.SecurityOpt = securityOptions.Count > 0 ? [.. securityOptions.Select(ReadSecurityOption)] : null;
        host.Tmpfs = tmpfs.Count > 0
            ? tmpfs.Select(text => text.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts.Length > 1 ? parts[1] : "", StringComparer.Ordinal)
            : null;
        foreach (string volume in volumes)
            AddVolume(volume);
    }

    /// <summary>A path alone is an anonymous volume; otherwise a bind, whose host path is made absolute.</summary>
    private void AddVolume(string volume)
    {
        int colon = volume.IndexOf(':');
        if (colon < 0)
        {
            (config.Volumes ??= [])[volume] = EmptyObject.Value;
            return;
        }

        bool isPath = volume[0] is '.' or '~';
        host.Binds!.Add(isPath ? Path.GetFullPath(volume[..colon]) + volume[colon..] : volume); // set at construction
    }

    /// <summary>A seccomp profile is sent by its contents, since the daemon may not see the client's files.</summary>
    private static string ReadSecurityOption(string option)
    {
        const string Prefix = "seccomp=";
        if (!option.StartsWith(Prefix, StringComparison.Ordinal) || option[Prefix.Length..] is "unconfined" or "builtin")
            return option;

        string path = option[Prefix.Length..];
        try
        {
            return Prefix + File.ReadAllText(path, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"opening seccomp profile ({path}) failed: {KeyValueFiles.Reason(exception)}", exitCode: 125);
        }
    }
}
