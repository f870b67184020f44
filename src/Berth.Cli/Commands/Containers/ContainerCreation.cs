using Berth.Api;
using Berth.Cli.Commands.Registries;
using Berth.Cli.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary>Creates a container for <c>run</c> and <c>create</c>: fetches a missing image, prints warnings, writes the id file.</summary>
internal static class ContainerCreation
{
    /// <summary>The new container's id.</summary>
    public static async Task<string> CreateAsync(CliContext context, ContainerFlags flags, ContainerCreateRequest request)
    {
        if (!ImageReference.TryParse(request.Image, out ImageReference image, out string? problem) && !IsImageId(request.Image))
            throw new CommandFailedException(problem, exitCode: 125);

        using FileStream? idFile = OpenIdFile(flags.IdFile);
        bool written = false;
        try
        {
            ApiSocket? socket = flags.UsesApiSocket ? ApiSocket.AddTo(request, context) : null;
            ContainerCreateResponse created = await CreateAsync(context, flags, request, image);
            foreach (string warning in created.Warnings)
                context.Say("WARNING: " + warning);

            context.Error.Flush();
            idFile?.Write(System.Text.Encoding.ASCII.GetBytes(created.Id));
            written = true;
            if (socket is not null)
                await socket.CopyAsync(context, created.Id);

            return created.Id;
        }
        finally
        {
            if (!written && idFile is not null)
                File.Delete(idFile.Name);
        }
    }

    private static async Task<ContainerCreateResponse> CreateAsync(
        CliContext context, ContainerFlags flags, ContainerCreateRequest request, ImageReference image)
    {
        if (flags.Pull == "always")
            await PullAsync(context, flags, image);

        try
        {
            return await context.Client.CreateContainerAsync(request, flags.Name, flags.Platform);
        }
        catch (EngineException exception) when (flags.Pull == "missing" && IsMissingImage(exception))
        {
            if (!flags.Quiet)
                context.Say($"Unable to find image '{image.WithDefaultTag().Familiar}' locally");

            context.Error.Flush();
            await PullAsync(context, flags, image);
            return await context.Client.CreateContainerAsync(request, flags.Name, flags.Platform);
        }
    }

    private static Task PullAsync(CliContext context, ContainerFlags flags, ImageReference image) =>
        ImageFetch.RunAsync(context, image.WithDefaultTag(), flags.Platform, flags.Quiet ? ProgressDisplay.Silent() : ProgressDisplay.OnError(context));

    private static bool IsMissingImage(EngineException exception) =>
        exception.Kind == ErrorKind.NotFound && exception.Message.Contains("No such image", StringComparison.OrdinalIgnoreCase);

    private static bool IsImageId(string text) => text.StartsWith("sha256:", StringComparison.Ordinal) || text.All(char.IsAsciiHexDigitLower);

    private static FileStream? OpenIdFile(string? path)
    {
        if (path is null)
            return null;

        try
        {
            return new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        }
        catch (IOException) when (File.Exists(path))
        {
            throw new CommandFailedException($"container ID file found, make sure the other container isn't running or delete {path}", exitCode: 125);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"failed to create the container ID file: open {path}: {Flags.KeyValueFiles.Reason(exception)}", exitCode: 125);
        }
    }
}
