using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Model;
using Berth.Storage;
using Berth.Storage.Builds;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;

namespace Berth.Build.Frontend;

/// <summary>What is to be built of a Dockerfile.</summary>
public sealed record BuildOptions
{
    /// <summary>The Dockerfile's bytes.</summary>
    public required byte[] Dockerfile { get; init; }

    /// <summary>What errors call it.</summary>
    public string DockerfileName { get; init; } = "Dockerfile";

    /// <summary>The stage's name or number; empty for the last.</summary>
    public string Target { get; init; } = "";

    /// <summary>Values of <c>--build-arg</c>.</summary>
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = new Dictionary<string, string>();

    /// <summary>Labels of the image besides the file's.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>What the image is for; null for the host's platform.</summary>
    public Platform? Platform { get; init; }

    /// <summary>Whether nothing is taken from earlier builds.</summary>
    public bool IgnoresCache { get; init; }

    /// <summary>Stages, in lower case, of which nothing is taken from earlier builds.</summary>
    public IReadOnlyCollection<string> StagesWithoutCache { get; init; } = [];

    /// <summary>Whether base images are asked for in their registries although they are here.</summary>
    public bool Pulls { get; init; }

    /// <summary>Secrets of the client by their ids: for the steps that mount them, in no layer, key, record or message.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Secrets { get; init; } = new Dictionary<string, ReadOnlyMemory<byte>>();

    /// <summary>What of the host decides about the steps' processes besides, such as lines of their hosts file; part of their keys.</summary>
    public string Surroundings { get; init; } = "";

    /// <summary>Names that the image gets.</summary>
    public IReadOnlyList<ImageReference> Names { get; init; } = [];
}

/// <summary>Finds the images that stages begin with.</summary>
public interface IBaseImages
{
    /// <summary>The image; fetched if it is not here, or <paramref name="pulls"/>.</summary>
    /// <exception cref="EngineException">NotFound and others in docker's words.</exception>
    Task<ImageRecord> GetAsync(string name, Platform? platform, bool pulls, Action<string, string, long, long> report, CancellationToken cancellationToken);
}

/// <summary>A file from the network.</summary>
/// <param name="Content">Its bytes; disposing it ends the transfer.</param>
/// <param name="Time">When it was changed, in seconds since 1970, as the server says; 0 if it does not.</param>
public sealed record RemoteFile(Stream Content, long Time) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Content.DisposeAsync();
}

/// <summary>Fetches files from the network.</summary>
public interface IRemoteFiles
{
    /// <summary>Opens an http or https address.</summary>
    /// <exception cref="EngineException">Unavailable or NotFound, naming the address and what the server said.</exception>
    Task<RemoteFile> OpenAsync(Uri address, CancellationToken cancellationToken);
}

/// <summary>What builds need of the world.</summary>
/// <param name="Storage">The data root.</param>
/// <param name="Images">Where images, layers and steps are.</param>
/// <param name="Snapshots">Where layers are unpacked.</param>
/// <param name="Steps">Of all builds.</param>
public sealed record BuildWorld(StorageRoot Storage, ImageStore Images, ISnapshotter Snapshots, SharedSteps Steps)
{
    /// <summary>Where files go that steps mount.</summary>
    public required StepFolders Folders { get; init; }

    /// <summary>What is kept between builds for steps to mount.</summary>
    public required CacheMounts Caches { get; init; }

    /// <summary>Tells the time.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>What one build has at hand.</summary>
/// <param name="World">What all have.</param>
/// <param name="Context">Its files.</param>
/// <param name="Runner">Runs processes.</param>
/// <param name="BaseImages">Finds images.</param>
/// <param name="RemoteFiles">Fetches what ADD names by its address.</param>
/// <param name="Progress">Is told what happens.</param>
public sealed record BuildTools(BuildWorld World, BuildContext Context, IStepRunner Runner, IBaseImages BaseImages, IRemoteFiles RemoteFiles, IBuildProgress Progress);
