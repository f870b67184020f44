using Berth.Api;
using Berth.Cli.Flags;
using Berth.Client;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth import</c>.</summary>
internal sealed class ImportCommand
{
    private readonly List<string> changes = [];
    private string? message;
    private string? platform;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var import = new ImportCommand();
        flags.List("change", 'c', "Apply Dockerfile instruction to the created image", import.changes);
        flags.Text("message", 'm', "Set commit message for imported image", value => import.message = value);
        flags.Text("platform", null, "Set platform if server is multi-platform capable", value => import.platform = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
            Summary = "Import the contents from a tarball to create a filesystem image",
            Aliases = ["image import", "import"],
            Flags = flags,
            Arguments = new ArgumentCount(1, int.MaxValue),
            RunAsync = import.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        string source = arguments[0];
        bool isUrl = source.StartsWith("http://", StringComparison.Ordinal) || source.StartsWith("https://", StringComparison.Ordinal);
        (string? repository, string? tag) = arguments.Count > 1 ? Split(arguments[1]) : (null, null);
        using Stream? archive = isUrl ? null : Open(source);
        await context.Client.ImportImageAsync(
            new ImageImportOptions
            {
                Source = isUrl ? source : "-",
                Repository = repository,
                Tag = tag,
                Message = message,
                Platform = platform,
                Changes = changes,
            },
            archive,
            step => Print(context, step));
        return 0;
    }

    private static void Print(CliContext context, JsonMessage step)
    {
        if (step.ErrorDetail?.Message is { } error)
            throw new CommandFailedException(error, exitCode: 1);

        if (step.Stream is { } text)
            context.Out.Write(text);
        else if (step.Status is { } status)
            context.Out.WriteLine(step.Id is null ? status : $"{step.Id}: {status}");
    }

    /// <summary>An archive to send; <c>-</c> is stdin.</summary>
    public static Stream Open(string path)
    {
        if (path == "-")
            return new StandardStream(0);

        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"open {path}: {KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }

    /// <summary>The daemon judges the name; here it is only taken apart.</summary>
    private static (string Repository, string? Tag) Split(string name)
    {
        if (!ImageReference.TryParse(name, out ImageReference reference, out string? problem))
            throw new CommandFailedException(problem, exitCode: 1);

        return (reference.FamiliarRepository, reference.Tag);
    }
}
