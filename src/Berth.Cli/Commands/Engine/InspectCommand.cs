using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Client;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Model;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth inspect</c> of containers, images, volumes and networks: what was found, then the errors.</summary>
internal sealed class InspectCommand
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, IndentSize = 4, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly JsonWriterOptions Short = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] Types = ["container", "image", "network", "volume"];

    private readonly Scope scope;
    private string format = "";
    private string? platform;
    private bool size;
    private string type = "";
    private bool verbose;

    private InspectCommand(Scope scope) => this.scope = scope;

    /// <summary>Which kinds of objects a spelling of the command looks for.</summary>
    internal enum Scope
    {
        Everything,
        Container,
        Image,
        Network,
    }

    public static Command Create(string path, Scope scope)
    {
        var flags = new FlagSet();
        var inspect = new InspectCommand(scope);
        flags.Text("format", 'f', ObjectFormat.Usage, value => inspect.format = value);
        if (scope == Scope.Everything)
        {
            flags.Switch("size", 's', "Display total file sizes if the type is container", value => inspect.size = value);
            flags.Text("type", null, "Only inspect objects of the given type", value => inspect.type = value);
        }
        else if (scope == Scope.Container)
        {
            flags.Switch("size", 's', "Display total file sizes", value => inspect.size = value);
        }
        else if (scope == Scope.Network)
        {
            flags.Switch("verbose", 'v', "Verbose output for diagnostics", value => inspect.verbose = value);
        }
        else
        {
            flags.Text("platform", null, "Inspect a specific platform of the multi-platform image. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
                value => inspect.platform = Values.Platform(value));
        }

        return new Command
        {
            Path = path,
            Usage = scope switch
            {
                Scope.Container => "[OPTIONS] CONTAINER [CONTAINER...]",
                Scope.Image => "[OPTIONS] IMAGE [IMAGE...]",
                Scope.Network => "[OPTIONS] NETWORK [NETWORK...]",
                _ => "[OPTIONS] NAME|ID [NAME|ID...]",
            },
            Summary = scope switch
            {
                Scope.Container => "Display detailed information on one or more containers",
                Scope.Image => "Display detailed information on one or more images",
                Scope.Network => "Display detailed information on one or more networks",
                _ => "Return low-level information on Berth objects",
            },
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = inspect.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> names)
    {
        string[] types = WantedTypes();
        ObjectFormat? template = format is "" or "json" ? null : ObjectFormat.Parse(format);
        var found = new List<byte[]>();
        var rendered = new StringBuilder();
        var errors = new List<string>();
        foreach (string name in names)
        {
            try
            {
                (string kind, byte[] bytes) = await FindAsync(context, name, types);
                found.Add(bytes);
                if (template is not null && Render(template, kind, bytes, rendered) is { } problem)
                    errors.Add(problem);
            }
            catch (EngineException exception)
            {
                errors.Add(types.Length > 1 && exception.Kind == ErrorKind.NotFound ? $"Error: No such object: {name}" : ErrorText.Of(exception));
            }
        }

        if (template is null)
            context.Out.Write(format == "json" ? Compact(found) : Array(found, Indented));
        else
            context.Out.Write(rendered.Length == 0 ? "\n" : rendered.ToString());

        context.Out.Flush();
        foreach (string error in errors)
            context.Say(error);

        return errors.Count == 0 ? 0 : 1;
    }

    private string[] WantedTypes() => (scope, type) switch
    {
        (Scope.Container, _) => ["container"],
        (Scope.Image, _) => ["image"],
        (Scope.Network, _) => ["network"],
        (_, "") => Types,
        _ when Types.Contains(type) => [type],
        _ => throw new CommandFailedException(
            $"unknown type: \"{type}\": must be one of \"container\", \"image\", \"network\", \"volume\"", exitCode: 1),
    };

    private async Task<(string Kind, byte[] Document)> FindAsync(CliContext context, string name, string[] types)
    {
        foreach (string candidate in types)
        {
            string segment = Uri.EscapeDataString(name);
            string path = candidate switch
            {
                "container" => $"/containers/{segment}/json{(size ? "?size=1" : "")}",
                "image" => $"/images/{EngineClient.ImagePath(name)}/json{(platform is null ? "" : "?platform=" + Uri.EscapeDataString(platform))}",
                "network" => $"/networks/{segment}{(verbose ? "?verbose=true" : "")}",
                _ => $"/volumes/{segment}",
            };
            try
            {
                return (candidate, await context.Client.GetRawAsync(path));
            }
            catch (EngineException exception) when (types.Length > 1 && IsElsewhere(exception))
            {
                // Perhaps it is an object of the next kind.
            }
        }

        throw new EngineException(ErrorKind.NotFound, $"No such object: {name}");
    }

    /// <summary>No such thing of this kind, a name that this kind cannot have, or a kind that this daemon does not have.</summary>
    private static bool IsElsewhere(EngineException exception) =>
        exception.Kind is ErrorKind.NotFound or ErrorKind.NotImplemented
        || (exception.Kind == ErrorKind.InvalidArgument && exception.Message.Contains("invalid reference format", StringComparison.Ordinal));

    /// <summary>Adds what the template makes of a document; returns what is wrong with it.</summary>
    private static string? Render(ObjectFormat template, string kind, byte[] bytes, StringBuilder output)
    {
        using JsonDocument document = JsonDocument.Parse(bytes);
        string goType = kind switch
        {
            "container" => "container.InspectResponse",
            "image" => "image.InspectResponse",
            "network" => "network.Inspect",
            _ => "volume.Volume",
        };
        if (template.RenderAny(document.RootElement, goType, out string? error) is { } text)
            output.Append(text).Append('\n');

        return error;
    }

    /// <summary>The documents in one array without spaces.</summary>
    private static string Compact(List<byte[]> documents) => Array(documents, Short);

    /// <summary>The documents as one JSON array, their members in the daemon's order.</summary>
    private static string Array(List<byte[]> documents, JsonWriterOptions options)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, options))
        {
            writer.WriteStartArray();
            foreach (byte[] bytes in documents)
            {
                using JsonDocument document = JsonDocument.Parse(bytes);
                document.RootElement.WriteTo(writer);
            }

            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length) + "\n";
    }
}
