using System.Text;
using Berth.Dockerfile.Instructions;
using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Model;
using Berth.Storage.Builds;
using Berth.Storage.Images;

namespace Berth.Build.Frontend;

/// <summary>What a RUN has mounted. Sources are opened when their content is needed for the step's key, and stay open until this is disposed.</summary>
/// <param name="tools">Of the build.</param>
/// <param name="secrets">Of the client.</param>
/// <param name="hold">Keeps an image's layers.</param>
/// <param name="image">What the step stands on.</param>
/// <param name="stageOf">The image that a stage has become; null for names that are no stage's.</param>
internal sealed class MountWork(
    BuildTools tools, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> secrets, Action<ImageRecord> hold, StageImage image, Func<string, StageImage?> stageOf) : IDisposable
{
    private const string Scripts = "/dev/pipes/";
    private const string SecretsFolder = "/run/secrets/";
    private const uint ScriptMode = 0x1ED, SecretMode = 0x100;
    private readonly List<BuildFiles> open = [];

    /// <summary>Where a script that names its own interpreter is in the container.</summary>
    public static string ScriptPath(CommandLine command) => Scripts + command.Heredocs[0].Name;

    /// <summary>The mounts, to be made ready when the step runs.</summary>
    /// <exception cref="EngineException">InvalidArgument: a source that is not there; NotImplemented for agents.</exception>
    public async Task<IReadOnlyList<StepMount>> ListAsync(BuildVertex vertex, RunInstruction run, CancellationToken cancellationToken)
    {
        List<StepMount> result = [];
        foreach (RunMount mount in run.Mounts)
        {
            switch (mount.Kind)
            {
                case RunMountKind.Tmpfs:
                    result.Add(new StepMount
                    {
                        Target = TargetOf(mount),
                        Key = $"tmpfs {mount.Size} {mount.IsReadOnly}",
                        Open = (_, _) => Task.FromResult<PreparedMount?>(PreparedMount.Memory(mount.Size, mount.IsReadOnly)),
                    });
                    break;
                case RunMountKind.Bind:
                    result.Add(await BindAsync(vertex, mount, cancellationToken));
                    break;
                case RunMountKind.Cache:
                    result.Add(await CacheAsync(vertex, mount, cancellationToken));
                    break;
                case RunMountKind.Secret when mount.Target is not null || mount.Env is null:
                    result.Add(Secret(mount));
                    break;
                case RunMountKind.Secret:
                    break; // a variable only
                default:
                    throw new EngineException(ErrorKind.NotImplemented, "RUN --mount=type=ssh is not supported yet; mount the key as a secret");
            }
        }

        if (run.Command.HasInterpreter)
        {
            byte[] script = Encoding.UTF8.GetBytes(run.Command.Heredocs[0].Text);
            result.Add(new StepMount
            {
                Target = ScriptPath(run.Command),
                Key = "script " + Digest.Of(script),
                Open = (_, _) => Task.FromResult<PreparedMount?>(PreparedMount.File(script, ScriptMode, 0, 0)),
            });
        }

        return result;
    }

    /// <summary>Secrets that the step has as variables.</summary>
    public IReadOnlyList<HiddenVariable> HiddenOf(RunInstruction run) =>
    [
        .. run.Mounts.Where(static mount => mount is { Kind: RunMountKind.Secret, Env: not null }).Select(mount =>
        {
            string id = IdOf(mount);
            return new HiddenVariable(mount.Env is { Length: > 0 } name ? name : id, "secret " + id, () => FindVariable(id, mount.IsRequired));
        }),
    ];

    /// <inheritdoc/>
    public void Dispose() => open.ForEach(static files => files.Dispose());

    // A secret's source is its id; without either it is called like the target's last part.
    private static string IdOf(RunMount mount) => mount.Source ?? mount.Id ?? Path.GetFileName(mount.Target!.TrimEnd('/')); // one of them was given

    private string TargetOf(RunMount mount)
    {
        string target = ConfigChanges.Resolve(image.Config, mount.Target ?? ".");
        return target != "/" ? target : throw new EngineException(ErrorKind.InvalidArgument, $"invalid mount target \"{PrintableText.Of(mount.Target ?? "/")}\"");
    }

    private async Task<StepMount> BindAsync(BuildVertex vertex, RunMount mount, CancellationToken cancellationToken)
    {
        (SelectedFiles files, string key) = await SelectAsync(vertex, mount, cancellationToken);
        return new StepMount
        {
            Target = TargetOf(mount),
            Key = $"bind {mount.IsReadOnly} {key}",
            Open = async (_, token) => await files.MountAsync(tools.World.Folders, !mount.IsReadOnly, token),
        };
    }

    private async Task<StepMount> CacheAsync(BuildVertex vertex, RunMount mount, CancellationToken cancellationToken)
    {
        if (mount is { From: null, Source: not null })
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"RUN --mount=type=cache,source={PrintableText.Of(mount.Source)}: a cache's source is a folder of from=, which is missing");
        }

        (SelectedFiles? files, string begin) = mount.From is null ? (null, "") : await SelectAsync(vertex, mount, cancellationToken);
        CacheRequest request = new()
        {
            Id = mount.Id ?? Path.TrimEndingDirectorySeparator(mount.Target ?? "."),
            Use = mount.Sharing switch { CacheSharing.Private => CacheUse.Private, CacheSharing.Locked => CacheUse.Locked, _ => CacheUse.Shared },
            IsReadOnly = mount.IsReadOnly,
            Begin = begin,
            Mode = mount.Mode,
            Uid = mount.Uid,
            Gid = mount.Gid,
        };
        return new StepMount
        {
            Target = TargetOf(mount),
            Key = "cache " + request.Id,
            Turn = CacheMounts.NameOf(request),
            Open = async (step, token) => await tools.World.Caches.OpenAsync(request, files, step, token),
        };
    }

    private StepMount Secret(RunMount mount)
    {
        string id = IdOf(mount);
        return new StepMount
        {
            Target = mount.Target is null ? SecretsFolder + Path.GetFileName(id) : TargetOf(mount),
            Key = "secret " + id,
            Open = (_, _) => Task.FromResult(
                Find(id, mount.IsRequired) is { } content ? PreparedMount.File(content.Span, mount.Mode ?? SecretMode, mount.Uid ?? 0, mount.Gid ?? 0) : null),
        };
    }

    private ReadOnlyMemory<byte>? Find(string id, bool isRequired)
    {
        if (secrets.TryGetValue(id, out ReadOnlyMemory<byte> content))
        {
            return content;
        }

        return isRequired ? throw new EngineException(ErrorKind.InvalidArgument, $"secret {PrintableText.Of(id)}: not found") : default(ReadOnlyMemory<byte>?);
    }

    private ReadOnlyMemory<byte>? FindVariable(string id, bool isRequired) =>
        Find(id, isRequired) is { } content && content.Span.Contains((byte)0)
            ? throw new EngineException(ErrorKind.InvalidArgument, $"secret {PrintableText.Of(id)}: it has a zero byte and can be no variable; mount it as a file")
            : Find(id, isRequired);

    // What is mounted, and what tells its content from others. The whole of a stage or image is known by its layers.
    private async Task<(SelectedFiles Files, string Key)> SelectAsync(BuildVertex vertex, RunMount mount, CancellationToken cancellationToken)
    {
        string source = mount.Source ?? "/";
        BuildState? layers = mount.From is { } from ? stageOf(from)?.State ?? await FetchAsync(vertex, from, cancellationToken) : null;
        BuildFiles files = layers is null ? BuildFiles.Of(tools.World.Storage, tools.Context) : BuildFiles.Of(tools.World.Storage, tools.World.Snapshots, layers.ChainIds);
        open.Add(files);
        SelectedFiles selected = files.SelectOne(source, isContext: layers is null);
        return (selected, layers is not null && Path.GetFullPath(source, "/") == "/" ? layers.Identity : (await selected.GetDigestAsync(cancellationToken)).ToString());
    }

    private async Task<BuildState> FetchAsync(BuildVertex vertex, string name, CancellationToken cancellationToken)
    {
        try
        {
            ImageRecord other = await tools.BaseImages.GetAsync(
                name, image.Platform, pulls: false,
                (part, status, done, total) => tools.Progress.Report(new VertexStatus(vertex, tools.World.Clock.GetUtcNow(), part, status, done, total)), cancellationToken);
            hold(other);
            return new BuildState(other.ChainIds, other.Config.Rootfs.DiffIds, other.LayerBlobs); // only read from
        }
        catch (EngineException e)
        {
            throw new EngineException(e.Kind, $"RUN failed: invalid from value {PrintableText.Of(name)} of a mount: {e.Message}", e);
        }
    }
}
