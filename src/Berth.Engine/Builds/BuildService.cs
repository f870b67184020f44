using Berth.Dockerfile;
using Berth.Build.Frontend;
using Berth.Dockerfile.Ignore;
using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Engine.Containers;
using Berth.Engine.Images;
using Berth.Engine.Registries;
using Berth.Model;
using Berth.Registry;
using Berth.Storage.Builds;
using Berth.Storage.Images;

namespace Berth.Engine.Builds;

/// <summary>What is asked of a build besides its files.</summary>
public sealed record BuildRequest
{
    /// <summary>The Dockerfile's path in the context.</summary>
    public string DockerfilePath { get; init; } = "Dockerfile";

    /// <summary>What to build of it; <see cref="BuildOptions.Dockerfile"/> is filled in.</summary>
    public required BuildOptions Options { get; init; }

    /// <summary>How steps relate to the host.</summary>
    public ContainerHostOptions Host { get; init; } = new();

    /// <summary>The credential of a registry's domain.</summary>
    public Func<string, RegistryCredential> CredentialOf { get; init; } = static _ => RegistryCredential.None;
}

/// <summary>The use cases on builds. Safe for concurrent use.</summary>
public sealed class BuildService : IDisposable
{
    private readonly RemoteFiles remoteFiles = new();
    private const int MostDockerfileBytes = 4 << 20;
    private const string IgnoreName = ".dockerignore";
    private readonly ContainerServices services;
    private readonly ImageService images;
    private readonly RegistryService registries;
    private readonly BuildWorld world;

    /// <param name="services">What steps need of the world.</param>
    /// <param name="images">Tells of new names.</param>
    /// <param name="registries">Where base images come from.</param>
    public BuildService(ContainerServices services, ImageService images, RegistryService registries)
    {
        this.services = services;
        this.images = images;
        this.registries = registries;
        StepFolders folders = new(services.Root);
        Caches = new CacheMounts(services.Root, folders, TimeProvider.System);
        world = new BuildWorld(services.Root, services.Images, services.Snapshots, new SharedSteps()) { Folders = folders, Caches = Caches };
    }

    /// <summary>What is kept between builds for steps to mount.</summary>
    public CacheMounts Caches { get; }

    /// <summary>Builds an image of a context that comes as a tar, plain or packed. Steps that were done stay for later builds, however it ends.</summary>
    /// <exception cref="EngineException">In docker's words.</exception>
    /// <exception cref="StepFailedException">A step's process ended with another code than 0.</exception>
    public async Task<ImageRecord> BuildAsync(Stream context, BuildRequest request, IBuildProgress progress, CancellationToken cancellationToken)
    {
        using BuildContext files = await BuildContext.ReceiveAsync(services.Root, context, cancellationToken);
        BuildOptions options = request.Options with { Dockerfile = TakeDockerfile(files, request.DockerfilePath), DockerfileName = request.DockerfilePath };
        BuildTools tools = new(world, files, new StepRunner(services, request.Host), new BaseImages(services.Images, registries, request.CredentialOf), remoteFiles, progress);
        try
        {
            ImageRecord image = await DockerfileBuild.RunAsync(tools, options, cancellationToken);
            foreach (ImageReference name in options.Names)
            {
                images.TellTag(image, name);
            }

            return image;
        }
        catch (DockerfileException e)
        {
            throw new EngineException(ErrorKind.InvalidArgument, e.Message, e);
        }
        catch (IgnoreException e)
        {
            throw new EngineException(ErrorKind.InvalidArgument, e.Message, e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => remoteFiles.Dispose();

    // Clients send the Dockerfile and .dockerignore whatever that says; what it leaves out is no part of the context then, as in docker.
    private static byte[] TakeDockerfile(BuildContext files, string path)
    {
        string name = path.Length == 0 ? "Dockerfile" : path;
        byte[]? content = files.TryRead(name, MostDockerfileBytes + 1) ?? (name == "Dockerfile" ? files.TryRead("dockerfile", MostDockerfileBytes + 1) : null);
        if (content is null)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Cannot locate specified Dockerfile: {PrintableText.Of(name)}");
        }

        if (files.TryRead(IgnoreName, 1 << 20) is { } ignore)
        {
            try
            {
                IgnoreMatcher matcher = new(IgnoreFile.Read(ignore));
                foreach (string candidate in (string[])[IgnoreName, name])
                {
                    if (matcher.IsIgnored(candidate))
                    {
                        files.Remove(candidate);
                    }
                }
            }
            catch (IgnoreException e)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"failed to read {IgnoreName}: {e.Message}", e);
            }
        }

        return content;
    }
}
