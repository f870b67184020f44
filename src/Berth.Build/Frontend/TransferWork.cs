using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Ignore;
using Berth.Build.Progress;
using Berth.Build.Solver;
using Berth.Model;
using Berth.Storage.Builds;
using Berth.Storage.Images;

namespace Berth.Build.Frontend;

/// <summary>COPY and ADD.</summary>
internal sealed class TransferWork(BuildTools tools, StepSolver solver, Action<ImageRecord> hold, StageImage image, bool usesCache)
{
    public async Task<(StepResult Result, string CreatedBy)> DoAsync(BuildVertex vertex, TransferInstruction transfer, StageImage? from, CancellationToken cancellationToken)
    {
        string keyword = transfer is AddInstruction ? "ADD" : "COPY";
        RefuseUnbuilt(transfer);
        bool isRemote = transfer is AddInstruction && transfer.Sources.Any(IsAddress);
        using BuildContext? made = transfer.Files.Count > 0 ? MakeInline(transfer) : isRemote ? await FetchAsync((AddInstruction)transfer, cancellationToken) : null;
        using BuildFiles source = made is not null ? BuildFiles.Of(tools.World.Storage, made) : await OpenAsync(vertex, transfer, from, cancellationToken);
        CopyRequest request = MakeRequest(transfer, isContext: from is null && transfer is not CopyInstruction { From: not null });
        SelectedFiles files = Select(keyword, source, request);
        if (files.Count > 1 && !request.Destination.EndsWith('/'))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"When using {keyword} with more than one source file, the destination must be a directory and end with a /");
        }

        Digest content = await files.GetDigestAsync(cancellationToken);
        StepResult result = await solver.CopyAsync(vertex, files, content, request, transfer.Chmod ?? "", image.State, usesCache, cancellationToken);
        string owner = transfer.Chown is null ? "" : $"--chown={transfer.Chown} ";
        return (result, $"{string.Join(' ', ConfigChanges.ShellOf(image.Config))} #(nop) {keyword} {owner}{files.Kind}:{content.Hex} in {transfer.Destination} ");
    }

    private static SelectedFiles Select(string keyword, BuildFiles source, CopyRequest request)
    {
        try
        {
            return source.Select(request);
        }
        catch (EngineException e)
        {
            throw new EngineException(e.Kind, $"{keyword} failed: {e.Message}", e);
        }
    }

    private static void RefuseUnbuilt(TransferInstruction transfer)
    {
        if (transfer is AddInstruction add && add.Sources.FirstOrDefault(IsRepository) is { } repository)
        {
            throw new EngineException(ErrorKind.NotImplemented, $"{PrintableText.Of(repository)}: ADD of git repositories is not supported yet; fetch it before the build, or with RUN");
        }

        if (transfer is AddInstruction { Checksum: not null } && !transfer.Sources.All(IsAddress))
        {
            throw new EngineException(ErrorKind.InvalidArgument, "ADD --checksum is for files from http and https addresses alone");
        }

        if (transfer.Files.Count > 0 && transfer.Sources.Count > 0 || transfer.Sources.Any(IsAddress) && transfer.Sources.Count > 1)
        {
            throw new EngineException(ErrorKind.NotImplemented, "a here-document or an address beside other sources is not supported yet; use two instructions");
        }
    }

    private static bool IsAddress(string source) =>
        !IsRepository(source) && (source.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase));

    private static bool IsRepository(string source) =>
        source.StartsWith("git@", StringComparison.Ordinal) || source.StartsWith("git://", StringComparison.Ordinal) || source.StartsWith("ssh://", StringComparison.Ordinal)
        || source.Contains("://", StringComparison.Ordinal) && (source.Split('#')[0].EndsWith(".git", StringComparison.Ordinal));

    // Of mode 0600, with the server's time, as in docker.
    private async Task<BuildContext> FetchAsync(AddInstruction add, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(add.Sources[0], UriKind.Absolute, out Uri? address))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"ADD failed: {PrintableText.Of(add.Sources[0])} is no address");
        }

        string name = Uri.UnescapeDataString(address.AbsolutePath.Split('/')[^1]);
        if (name is "" or "." or ".." || name.Contains('/', StringComparison.Ordinal))
        {
            name = add.Destination.EndsWith('/')
                ? throw new EngineException(ErrorKind.InvalidArgument, $"ADD failed: cannot determine filename for source {address}")
                : "file";
        }

        BuildContext context = BuildContext.CreateEmpty(tools.World.Storage);
        try
        {
            await using RemoteFile file = await tools.RemoteFiles.OpenAsync(address, cancellationToken);
            Digest digest = await context.AddAsync(name, file.Content, 0x180, file.Time, cancellationToken);
            if (add.Checksum is { } wanted && wanted != digest.ToString())
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"ADD failed: digest mismatch of {address}: wanted {PrintableText.Of(wanted)}, got {digest}");
            }

            return context;
        }
        catch (Exception e)
        {
            context.Dispose();
            if (e is IOException or System.Net.Http.HttpRequestException)
            {
                throw new EngineException(ErrorKind.Unavailable, $"ADD failed: {address}: {e.Message}", e);
            }

            throw;
        }
    }

    private BuildContext MakeInline(TransferInstruction transfer)
    {
        BuildContext context = BuildContext.CreateEmpty(tools.World.Storage);
        foreach (InlineFile file in transfer.Files)
        {
            context.Add(file.Name, System.Text.Encoding.UTF8.GetBytes(file.Content));
        }

        return context;
    }

    private async Task<BuildFiles> OpenAsync(BuildVertex vertex, TransferInstruction transfer, StageImage? from, CancellationToken cancellationToken)
    {
        if (transfer is not CopyInstruction { From: { } name })
        {
            return BuildFiles.Of(tools.World.Storage, tools.Context);
        }

        if (from is null)
        {
            if (name.Contains('$', StringComparison.Ordinal))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"COPY --from={PrintableText.Of(name)}: variables are not put in there; name a stage with FROM ... AS and use that");
            }

            ImageRecord other;
            try
            {
                other = await tools.BaseImages.GetAsync(
                    name, image.Platform, pulls: false,
                    (part, status, done, total) => tools.Progress.Report(new VertexStatus(vertex, tools.World.Clock.GetUtcNow(), part, status, done, total)), cancellationToken);
            }
            catch (EngineException e)
            {
                throw new EngineException(e.Kind, $"invalid from flag value {PrintableText.Of(name)}: {e.Message}", e);
            }

            hold(other);
            return BuildFiles.Of(tools.World.Storage, tools.World.Snapshots, other.ChainIds);
        }

        return BuildFiles.Of(tools.World.Storage, tools.World.Snapshots, from.State.ChainIds);
    }

    private CopyRequest MakeRequest(TransferInstruction transfer, bool isContext)
    {
        IgnoreMatcher? excludes = transfer.Excludes.Count > 0 ? new IgnoreMatcher(transfer.Excludes) : null;
        string destination = ConfigChanges.Resolve(image.Config, transfer.Destination);
        bool isFolder = transfer.Destination.EndsWith('/') || transfer.Destination is "." or ".." || transfer.Destination.EndsWith("/.", StringComparison.Ordinal);
        return new CopyRequest
        {
            Sources = transfer.Files.Count > 0 ? [.. transfer.Files.Select(static file => file.Name)] : transfer.Sources.Any(IsAddress) && transfer is AddInstruction ? ["*"] : transfer.Sources,
            Destination = isFolder && !destination.EndsWith('/') ? destination + "/" : destination,
            Owner = transfer.Chown is { } owner ? OwnerLookup.Find(owner, () => BuildFiles.Of(tools.World.Storage, tools.World.Snapshots, image.State.ChainIds)) : (0, 0),
            Chmod = transfer.Chmod is { } mode ? FileModes.Parse(mode) : null,
            Unpacks = transfer is AddInstruction add && (add.Unpack ?? !transfer.Sources.Any(IsAddress)),
            IsIndependent = transfer.Link,
            KeepsParents = transfer is CopyInstruction { Parents: true },
            IsExcluded = excludes is null ? null : excludes.IsIgnored,
            IsContext = isContext,
        };
    }
}
