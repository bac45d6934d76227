"""What mkdocs asks of us: generated parts in their places, pictures from results/ in the site."""

from pathlib import Path

from mkdocs.structure.files import File

from implicitbias import handbook


def on_config(config):
    """Performance has a place in the navigation once it has been measured and written up."""
    if not Path(config.docs_dir, "performance.md").exists():
        config.nav.remove({"Performance": "performance.md"})
    return config


def on_files(files, config):
    """The pictures that have been made are files of the site."""
    for address, path in handbook.pictures().items():
        files.append(File.generated(config, address, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Generated parts; and pictures of results/published, which forges show by their own path."""
    return handbook.expand(markdown).replace("../results/published/figures/", "figures/paper/")
