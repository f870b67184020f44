using Berth.Api;
using Berth.Cli.Archives;
using Berth.Cli.Builds;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Registries;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Builds;

/// <summary><c>berth build</c>.</summary>
internal static class BuildCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var build = new BuildFlags(flags);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] PATH | URL | -",
            Summary = "Build an image from a Dockerfile",
            Aliases = ["image build", "build", "builder build"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = (context, arguments) => RunAsync(context, build, arguments[0]),
        };
    }

    private static async Task<int> RunAsync(CliContext context, BuildFlags build, string place)
    {
        if (build.IdFile is { } stale)
            ChangeIdFile(stale, "removing image ID file", File.Delete); // no file that says something wrong if the build fails

        using ContextSource source = ContextSource.Open(place, build.File);
        ImageBuildOptions request = build.ToRequest(source.Dockerfile, BuildProxies.Of(context), RegistryCredentials.AllOf(context));
        string image = build.Quiet ? await RunQuietAsync(context, build, source, request) : await BuildAsync(context, build, source, request, new BuildOutput(context.Out, ProgressDisplay.OnOutput(context)));
        if (build.IdFile is { } file)
        {
            if (image.Length == 0)
                throw new CommandFailedException($"Server did not provide an image ID. Cannot write {file}", exitCode: 1);

            ChangeIdFile(file, "writing image ID file", name => File.WriteAllText(name, image));
        }

        return 0;
    }

    // The id alone; everything that was said on the other stream if it fails.
    private static async Task<string> RunQuietAsync(CliContext context, BuildFlags build, ContextSource source, ImageBuildOptions request)
    {
        using var said = new MemoryStream();
        using var result = new MemoryStream();
        var (upload, answer) = (new TextOutput(said), new TextOutput(result));
        try
        {
            await BuildAsync(context, build, source, request, new BuildOutput(answer, new ProgressDisplay(answer, width: null), upload));
        }
        catch (Exception exception) when (exception is CommandFailedException or EngineException)
        {
            upload.Flush();
            answer.Flush();
            context.Error.Write(System.Text.Encoding.UTF8.GetString(said.ToArray()) + System.Text.Encoding.UTF8.GetString(result.ToArray()));
            throw;
        }

        answer.Flush();
        string id = System.Text.Encoding.UTF8.GetString(result.ToArray());
        context.Out.Write(id);
        return id;
    }

    /// <summary>Where a build's words go.</summary>
    /// <param name="Text">What the daemon says.</param>
    /// <param name="Display">The same, with progress.</param>
    /// <param name="Aside">What is said of the context, if that goes elsewhere.</param>
    private sealed record BuildOutput(TextOutput Text, ProgressDisplay Display, TextOutput? Aside = null);

    private static async Task<string> BuildAsync(CliContext context, BuildFlags build, ContextSource source, ImageBuildOptions request, BuildOutput output)
    {
        string image = "";
        output.Display.Aside = aside => image = aside.Text("ID") is { Length: > 0 } id ? id : image;
        ProgressDisplay? moving = output.Aside is null && Linux.Terminal.LocalTerminal.IsTerminal(1) ? output.Display : null;
        var upload = new ContextUpload(source.Write, output.Aside ?? output.Text, moving) { Packs = build.Packs };
        try
        {
            await context.Client.BuildImageAsync(request, upload.Write, step => Show(output.Display, step));
            return image;
        }
        catch (Exception exception) when (exception is EngineConnectionException or TarException && upload.Problem is not null)
        {
            string reason = upload.Problem is Linux.LinuxException or TarException ? upload.Problem.Message : "the connection that it comes by broke";
            throw upload.Problem as CommandFailedException ?? new CommandFailedException("error checking context: " + reason, exitCode: 1);
        }
    }

    private static void Show(ProgressDisplay display, JsonMessage step)
    {
        if (step.ErrorDetail is { } error)
            throw new CommandFailedException(error.Message ?? step.Error ?? "", error.Code is > 0 and < 256 ? (int)error.Code : 1) { IsOfEngine = true };

        if (!string.IsNullOrEmpty(step.Stream) && step.ProgressDetail is null)
            display.Write(step.Stream); // a step's own output, colours and all
        else
            display.Show(step);
    }

    private static void ChangeIdFile(string file, string what, Action<string> change)
    {
        try
        {
            change(file);
        }
        catch (DirectoryNotFoundException) when (what.StartsWith("removing", StringComparison.Ordinal))
        {
            // Nothing there is what is wanted; writing will fail with the reason.
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"{what}: open {file}: {KeyValueFiles.Reason(exception)}", exitCode: 1);
        }
    }
}
