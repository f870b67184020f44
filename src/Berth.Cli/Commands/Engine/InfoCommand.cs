using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth info</c>.</summary>
internal static class InfoCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string format = "";
        flags.Text("format", 'f', ObjectFormat.Usage, value => format = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Display system-wide information",
            Aliases = ["system info", "info"],
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => RunAsync(context, format),
        };
    }

    private static async Task<int> RunAsync(CliContext context, string format)
    {
        if (format.Length > 0)
        {
            ObjectFormat template = ObjectFormat.Parse(format);
            using JsonDocument document = JsonDocument.Parse(WithClient(context, await context.Client.GetRawAsync("/info")));
            context.Out.WriteLine(template.Render(document.RootElement, "system.dockerInfo", out string? error));
            return error is null ? 0 : throw new CommandFailedException(error, exitCode: 1);
        }

        var text = new StringBuilder("Client:\n");
        text.Append(" Version:    ").Append(ProductInfo.Version).Append("\n Context:    default\n Debug Mode: ").Append(Flag(context.Debug)).Append("\n\nServer:\n");
        context.Out.Write(text.ToString());
        SystemInfo info = await context.Client.GetInfoAsync();
        context.Out.Write(Server(info));
        context.Out.Flush();
        foreach (string warning in info.Warnings ?? [])
            context.Say(warning);

        return 0;
    }

    /// <summary>The daemon's document with what docker adds about the client.</summary>
    private static byte[] WithClient(CliContext context, byte[] info)
    {
        using JsonDocument document = JsonDocument.Parse(info);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
                member.WriteTo(writer);

            writer.WriteStartObject("ClientInfo");
            writer.WriteBoolean("Debug", context.Debug);
            writer.WriteString("Version", ProductInfo.Version);
            writer.WriteString("DefaultAPIVersion", EngineClient.NewestApiVersion);
            writer.WriteString("Os", "linux");
            writer.WriteString("Arch", ProductInfo.Architecture);
            writer.WriteString("Context", "default");
            writer.WriteStartArray("Plugins");
            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static string Server(SystemInfo info)
    {
        var text = new StringBuilder();
        text.Append($" Containers: {info.Containers}\n  Running: {info.ContainersRunning}\n  Paused: {info.ContainersPaused}\n  Stopped: {info.ContainersStopped}\n");
        text.Append($" Images: {info.Images}\n Server Version: {info.ServerVersion}\n Storage Driver: {info.Driver}\n");
        foreach (List<string> pair in info.DriverStatus ?? [])
            text.Append($"  {pair[0]}: {pair[1]}\n");

        text.Append($" Logging Driver: {info.LoggingDriver}\n Cgroup Driver: {info.CgroupDriver}\n");
        Optional(text, "Cgroup Version", info.CgroupVersion);
        text.Append($" Plugins:\n  Volume: {Words(info.Plugins.Volume)}\n  Network: {Words(info.Plugins.Network)}\n");
        if (info.Plugins.Authorization is { Count: > 0 })
            text.Append($"  Authorization: {Words(info.Plugins.Authorization)}\n");

        text.Append($"  Log: {Words(info.Plugins.Log)}\n Swarm: {info.Swarm.LocalNodeState}\n");
        text.Append($" Runtimes: {Words(info.Runtimes.Keys.Order(StringComparer.Ordinal))}\n Default Runtime: {info.DefaultRuntime}\n");
        if (info.InitBinary.Length > 0)
            text.Append($" Init Binary: {info.InitBinary}\n containerd version: {info.ContainerdCommit.ID}\n runc version: {info.RuncCommit.ID}\n init version: {info.InitCommit.ID}\n");

        if (info.SecurityOptions.Count > 0)
            text.Append(SecurityOptions(info.SecurityOptions));

        text.Append($" Kernel Version: {info.KernelVersion}\n Operating System: {info.OperatingSystem}\n OSType: {info.OSType}\n Architecture: {info.Architecture}\n");
        text.Append($" CPUs: {info.NCPU}\n Total Memory: {Units.BinarySize(info.MemTotal)}\n Name: {info.Name}\n ID: {info.ID}\n Docker Root Dir: {info.DockerRootDir}\n");
        text.Append($" Debug Mode: {Flag(info.Debug)}\n");
        Optional(text, "HTTP Proxy", info.HttpProxy);
        Optional(text, "HTTPS Proxy", info.HttpsProxy);
        Optional(text, "No Proxy", info.NoProxy);
        Section(text, "Labels", info.Labels);
        text.Append($" Experimental: {Flag(info.ExperimentalBuild)}\n");
        Section(text, "Insecure Registries", info.RegistryConfig?.InsecureRegistryCidrs);
        Section(text, "Registry Mirrors", info.RegistryConfig?.Mirrors);
        return text.Append($" Live Restore Enabled: {Flag(info.LiveRestoreEnabled)}\n\n").ToString();
    }

    /// <summary>Each option is a list of <c>key=value</c>, its name first.</summary>
    private static string SecurityOptions(IEnumerable<string> options)
    {
        var text = new StringBuilder(" Security Options:\n");
        foreach (string option in options)
        {
            foreach (string[] pair in option.Split(',').Select(part => part.Split('=', 2)))
            {
                string value = pair.Length > 1 ? pair[1] : "";
                text.Append(pair[0] == "name" ? $"  {value}\n" : $"   {char.ToUpperInvariant(pair[0][0])}{pair[0][1..]}: {value}\n");
            }
        }

        return text.ToString();
    }

    private static void Section(StringBuilder text, string title, IReadOnlyCollection<string>? lines)
    {
        if (lines is not { Count: > 0 })
            return;

        text.Append(' ').Append(title).Append(":\n");
        foreach (string line in lines)
            text.Append("  ").Append(line).Append('\n');
    }

    private static void Optional(StringBuilder text, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            text.Append(' ').Append(name).Append(": ").Append(value).Append('\n');
    }

    private static string Words(IEnumerable<string>? words) => string.Join(' ', words ?? []);

    private static string Flag(bool value) => value ? "true" : "false";
}
