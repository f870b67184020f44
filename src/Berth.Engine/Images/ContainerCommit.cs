using System.Text.Json;
using Berth.Engine.Containers;
using Berth.Engine.Containers.Health;
using Berth.Engine.Events;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;

namespace Berth.Engine.Images;

/// <summary>Makes images of containers.</summary>
public sealed class ContainerCommit
{
    private readonly ContainerServices services;
    private readonly ContainerService containers;
    private readonly ImageService images;

    /// <param name="services">Where layers and images are.</param>
    /// <param name="containers">Where containers are found.</param>
    /// <param name="images">Tells of new names.</param>
    public ContainerCommit(ContainerServices services, ContainerService containers, ImageService images)
    {
        this.services = services;
        this.containers = containers;
        this.images = images;
    }

    /// <summary>Makes an image of the container's writable layer on the layers that it stands on; durable when this returns.</summary>
    /// <exception cref="EngineException">NotFound; InvalidArgument for a change that is none, or content that no layer can hold; Internal when the disk refuses.</exception>
    public async Task<ImageRecord> RunAsync(CommitRequest request, CancellationToken cancellationToken)
    {
        Container container = containers.Find(request.Container);
        ContainerRecord record = container.Record;
        ImageRunConfig own = ToRunConfig(record.Config);
        CommitOptions options = new()
        {
            Container = record.Id,
            ChainIds = record.ChainIds,
            Parent = record.ImageId,
            RunConfig = Merge(ImageChanges.Apply(request.Config ?? own, request.Changes), own),
            Author = request.Author,
            Comment = request.Comment,
            CreatedBy = string.Join(' ', record.Config.Cmd ?? []),
            Reference = request.Reference,
        };
        bool isPaused = request.Pause && await TryPauseAsync(container, cancellationToken);
        try
        {
            ImageRecord image = await CommitLayerAsync(container, options, cancellationToken);
            if (request.Reference is { } name)
            {
                images.TellTag(image, name);
            }

            services.Events.Publish(
                container.Record, "commit", ("comment", request.Comment), ("imageID", image.Id.ToString()), ("imageRef", request.Reference?.WithDefaultTag().Familiar ?? ""));
            return image;
        }
        finally
        {
            if (isPaused)
            {
                await UnpauseAsync(container);
            }
        }
    }

    // What changes the container's state waits for the use with the container's lock in its hand: nothing here may want that lock before the use has ended.
    private async Task<ImageRecord> CommitLayerAsync(Container container, CommitOptions options, CancellationToken cancellationToken)
    {
        using IDisposable use = await container.UseFilesAsync(isClients: false, cancellationToken);
        return await services.Images.CommitAsync(options, cancellationToken);
    }

    // A container that does not run, or stands still already, needs none.
    private static async Task<bool> TryPauseAsync(Container container, CancellationToken cancellationToken)
    {
        if (container.Record.State.Status != ContainerStatus.Running)
        {
            return false;
        }

        try
        {
            await container.PauseAsync(cancellationToken);
            return true;
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.Conflict)
        {
            return false; // it ended, or somebody else was faster
        }
    }

    private static async Task UnpauseAsync(Container container)
    {
        try
        {
            await container.UnpauseAsync(CancellationToken.None);
        }
        catch (EngineException) when (container.Record.State.Status != ContainerStatus.Paused)
        {
            // Killed, or let go on by somebody else.
        }
    }

    /// <summary>What a container was made with, as an image says it.</summary>
    internal static ImageRunConfig ToRunConfig(ContainerConfig config)
    {
        var other = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (config.Healthcheck is { } probe)
        {
            other["Healthcheck"] = ImageHealth.ToElement(probe);
        }

        if (config.OnBuild is { Count: > 0 } triggers)
        {
            other["OnBuild"] = JsonSerializer.SerializeToElement([.. triggers], EngineJsonContext.Default.ListString);
        }

        if (config.Shell is { Count: > 0 } shell)
        {
            other["Shell"] = JsonSerializer.SerializeToElement([.. shell], EngineJsonContext.Default.ListString);
        }

        return new ImageRunConfig
        {
            User = config.User,
            Env = config.Env,
            Cmd = config.Cmd,
            Entrypoint = config.Entrypoint,
            WorkingDir = config.WorkingDir,
            Labels = new Dictionary<string, string>(config.Labels, StringComparer.Ordinal),
            StopSignal = config.StopSignal,
            ExposedPorts = config.ExposedPorts,
            ArgsEscaped = config.ArgsEscaped ? true : null,
            Other = other.Count == 0 ? null : other,
        };
    }

    /// <summary>Fills what <paramref name="wanted"/> leaves open from what the container has, by docker's rules for a commit.</summary>
    internal static ImageRunConfig Merge(ImageRunConfig wanted, ImageRunConfig own)
    {
        bool takesCommand = wanted.Entrypoint is null;
        return wanted with
        {
            User = string.IsNullOrEmpty(wanted.User) ? own.User : wanted.User,
            Env = wanted.Env is not { Count: > 0 } env ? own.Env : [.. env, .. (own.Env ?? []).Where(entry => !env.Any(known => NameOf(known) == NameOf(entry)))],
            Cmd = takesCommand && wanted.Cmd is not { Count: > 0 } ? own.Cmd : wanted.Cmd,
            Entrypoint = wanted.Entrypoint ?? own.Entrypoint,
            WorkingDir = string.IsNullOrEmpty(wanted.WorkingDir) ? own.WorkingDir : wanted.WorkingDir,
            Labels = Union(wanted.Labels, own.Labels),
            StopSignal = wanted.StopSignal ?? own.StopSignal,
            ExposedPorts = Union(wanted.ExposedPorts, own.ExposedPorts),
            Volumes = Union(wanted.Volumes, own.Volumes),
            Other = Union(wanted.Other, own.Other),
        };
    }

    private static string NameOf(string entry) => entry.Split('=', 2)[0];

    private static Dictionary<string, T>? Union<T>(Dictionary<string, T>? first, Dictionary<string, T>? second)
    {
        if (first is null || second is null)
        {
            return first ?? second;
        }

        var result = new Dictionary<string, T>(first, StringComparer.Ordinal);
        foreach ((string key, T value) in second)
        {
            result.TryAdd(key, value);
        }

        return result;
    }
}
