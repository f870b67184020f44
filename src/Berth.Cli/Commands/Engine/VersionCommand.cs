using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth version</c>: the client's part is printed even when no daemon answers.</summary>
internal sealed class VersionCommand
{
    private string format = "";

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var version = new VersionCommand();
        flags.Text("format", 'f', ObjectFormat.Usage, value => version.format = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Show the Berth version information",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = version.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        ObjectFormat? template = format.Length == 0 ? null : ObjectFormat.Parse(format, "version");
        VersionResponse? server = null;
        Exception? failure = null;
        string? error = null;
        try
        {
            server = WithEngine(await context.Client.GetVersionAsync());
        }
        catch (Exception exception) when (exception is EngineException or EngineConnectionException)
        {
            failure = exception;
        }

        if (template is null)
            context.Out.Write(Text(context, server));
        else
            context.Out.WriteLine(template.Render(ToJson(context, server), "system.versionInfo", out error));

        error = failure is null ? error : ErrorText.Of(failure);
        return error is null ? 0 : throw new CommandFailedException(error, exitCode: 1);
    }

    private static string Text(CliContext context, VersionResponse? server)
    {
        var text = new StringBuilder();
        text.Append("Client:\n");
        Row(text, " ", "Version", ProductInfo.Version, 19);
        Row(text, " ", "API version", ApiVersion(context), 19);
        Row(text, " ", "OS/Arch", "linux/" + ProductInfo.Architecture, 19);
        Row(text, " ", "Context", "default", 19);
        if (server is null)
            return text.ToString();

        text.Append("\nServer:").Append(server.Platform is { Name.Length: > 0 } platform ? " " + platform.Name : "").Append('\n');
        foreach (VersionComponent component in server.Components ?? [])
        {
            text.Append(' ').Append(component.Name).Append(":\n");
            Row(text, "  ", "Version", component.Version, 18);
            Dictionary<string, string> details = component.Details ?? [];
            if (component.Name != "Engine")
            {
                foreach ((string name, string value) in details.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    Row(text, "  ", name, value, 18);

                continue;
            }

            Row(text, "  ", "API version", $"{details.GetValueOrDefault("ApiVersion")} (minimum version {details.GetValueOrDefault("MinAPIVersion")})", 18);
            OptionalRow(text, "Go version", details.GetValueOrDefault("GoVersion"));
            OptionalRow(text, "Git commit", details.GetValueOrDefault("GitCommit"));
            OptionalRow(text, "Built", details.GetValueOrDefault("BuildTime"));
            Row(text, "  ", "OS/Arch", $"{details.GetValueOrDefault("Os")}/{details.GetValueOrDefault("Arch")}", 18);
            Row(text, "  ", "Experimental", details.GetValueOrDefault("Experimental", "false"), 18);
        }

        return text.ToString();
    }

    private static void Row(StringBuilder text, string indent, string name, string value, int width) =>
        text.Append(indent).Append((name + ":").PadRight(width)).Append(value).Append('\n');

    private static void OptionalRow(StringBuilder text, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            Row(text, "  ", name, value, 18);
    }

    private static string ApiVersion(CliContext context) => context.Client.ApiVersion == EngineClient.NewestApiVersion
        ? EngineClient.NewestApiVersion
        : $"{context.Client.ApiVersion} (downgraded from {EngineClient.NewestApiVersion})";

    private static string BuildTime(string? time) => WireTime.Parse(time) is { } parsed
        ? string.Create(CultureInfo.InvariantCulture, $"{parsed.UtcDateTime:ddd MMM} {parsed.UtcDateTime.Day,2} {parsed.UtcDateTime:HH:mm:ss yyyy}")
        : time ?? "";

    /// <summary>A daemon that names no engine among its components is one; build times are told as people read them.</summary>
    private static VersionResponse WithEngine(VersionResponse server)
    {
        if (server.Components?.Find(component => component.Name == "Engine") is not { } engine)
            server.Components = [.. server.Components ?? [], Engine(server)];
        else if (engine.Details?.TryGetValue("BuildTime", out string? time) == true)
            engine.Details["BuildTime"] = BuildTime(time);

        return server;
    }

    private static VersionComponent Engine(VersionResponse server) => new()
    {
        Name = "Engine",
        Version = server.Version,
        Details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ApiVersion"] = server.ApiVersion,
            ["MinAPIVersion"] = server.MinAPIVersion ?? "",
            ["GitCommit"] = server.GitCommit,
            ["GoVersion"] = server.GoVersion,
            ["Os"] = server.Os,
            ["Arch"] = server.Arch,
            ["BuildTime"] = BuildTime(server.BuildTime),
            ["Experimental"] = server.Experimental ? "true" : "false",
        },
    };

    private static JsonElement ToJson(CliContext context, VersionResponse? server)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("Client");
            writer.WriteString("Version", ProductInfo.Version);
            writer.WriteString("ApiVersion", context.Client.ApiVersion);
            writer.WriteString("DefaultAPIVersion", EngineClient.NewestApiVersion);
            writer.WriteString("Os", "linux");
            writer.WriteString("Arch", ProductInfo.Architecture);
            writer.WriteString("Context", "default");
            writer.WriteEndObject();
            writer.WritePropertyName("Server");
            WriteServer(writer, server);
            writer.WriteEndObject();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }

    private static void WriteServer(Utf8JsonWriter writer, VersionResponse? server)
    {
        if (server is null)
            writer.WriteNullValue();
        else
            JsonSerializer.SerializeToElement(server, ApiJson.Context.VersionResponse).WriteTo(writer);
    }
}
